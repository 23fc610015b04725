package import MeshTypes

/// The name servers of a `resolv.conf` (resolv.conf(5)). Search domains and options are the programs' own affair.
package struct ResolverFile: Sendable, Equatable {
    /// Readers of the file know no more (MAXNS).
    package static let maximumServers = 3
    /// Octets of the file that are looked at.
    package static let longest = 64 << 10
    private static let port: UInt16 = 53

    /// In the order of the file, each once.
    package private(set) var servers: [SocketAddress] = []
    /// What stands behind `nameserver` and is not used.
    package private(set) var unusable: [String] = []

    /// - Parameter virtual: networks in which nobody listens but the mesh.
    package init(_ text: String, virtual: [IPNetwork]) {
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
            guard words.first == "nameserver", words.count > 1, servers.count < Self.maximumServers else { continue }
            guard let address = Self.address(words[1]), !address.isMulticast, !virtual.contains(where: { $0.contains(address) }) else {
                unusable.append(Excerpt.of(String(words[1])))
                continue
            }
            let server = SocketAddress(ip: address, port: Self.port)
            if !servers.contains(server) { servers.append(server) }
        }
    }

    /// The unspecified address means this machine (resolv.conf(5)). Addresses with a zone (`fe80::1%eth0`) are not used.
    private static func address(_ word: Substring) -> IPAddress? {
        switch IPAddress(String(word)) {
        case .v4Any?: .v4Loopback
        case .v6Any?: .v6Loopback
        case let address: address
        }
    }
}
