/// One entry of `dns: {names: […]}`: which names outside the mesh a service may ask for.
package enum ForeignName: Hashable, Sendable, CustomStringConvertible {
    /// `"*"`: all.
    case any
    /// One name and none below it; in lower case, without the final dot.
    case exactly(String)
    /// `*.example.com`: all below the name, at any depth, but not the name itself.
    case below(String)

    /// Octets of a name in dotted form at most (RFC 1035 §3.1).
    package static let longest = 253

    /// - Returns: nil for what is no name, or has `*` anywhere but alone at the front.
    package init?(_ text: String) {
        if text == "*" {
            self = .any
            return
        }
        let isWildcard = text.hasPrefix("*.")
        var name = text.lowercased()
        if isWildcard { name.removeFirst(2) }
        if name.hasSuffix(".") { name.removeLast() }
        guard name.utf8.count <= Self.longest,
            name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy({ Self.isLabel($0.utf8) })
        else { return nil }
        self = isWildcard ? .below(name) : .exactly(name)
    }

    /// Letters, digits, `-` and `_`: names of hosts, and those of services and keys (`_http._tcp`, `_domainkey`).
    private static func isLabel(_ label: Substring.UTF8View) -> Bool {
        (1...63).contains(label.count) && label.first != UInt8(ascii: "-") && label.last != UInt8(ascii: "-")
            && label.allSatisfy { byte in
                (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
            }
    }

    package var description: String {
        switch self {
        case .any: "*"
        case .exactly(let name): name
        case .below(let name): "*.\(name)"
        }
    }
}
