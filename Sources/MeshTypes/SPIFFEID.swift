/// `spiffe://<trust-domain>/ns/<namespace>/sa/<service>` (SPIFFE ID specification §2; R1.1).
package struct SPIFFEID: Hashable, Sendable, CustomStringConvertible {
    package static let maximumLength = 2048

    package let trustDomain: String
    package let service: ServiceIdentity

    package init(trustDomain: String, service: ServiceIdentity) {
        self.trustDomain = trustDomain
        self.service = service
    }

    /// Parses the URI form; nil for anything but the mesh's own path shape.
    package init?(_ uri: some StringProtocol) {
        guard uri.utf8.count <= Self.maximumLength, uri.hasPrefix("spiffe://") else { return nil }
        let parts = uri.dropFirst("spiffe://".count).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[1] == "ns", parts[3] == "sa", Self.isTrustDomain(parts[0]),
            DNSLabel.isValid(parts[2].utf8), DNSLabel.isValid(parts[4].utf8), let name = ServiceName(parts[4])
        else { return nil }
        self.init(
            trustDomain: String(parts[0]),
            service: ServiceIdentity(namespace: String(parts[2]), name: name))
    }

    package var description: String { "spiffe://\(trustDomain)/ns/\(service.namespace)/sa/\(service.name)" }

    /// Lower-case letters, digits, dots, dashes and underscores, at most 255 (SPIFFE ID §2.1).
    package static func isTrustDomain(_ text: some StringProtocol) -> Bool {
        (1...255).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                    UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}
