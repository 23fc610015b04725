/// `spiffe://<trust-domain>/myelin/node/<name>`: a node, as the certificate authority knows it (R1.5).
///
/// No service can have it: identities of services begin with `/ns/`. The data plane takes no peer that has it.
package struct NodeIdentity: Hashable, Sendable, CustomStringConvertible {
    /// As long as a Kubernetes node's name may be (RFC 1123 §2.1).
    package static let maximumName = 253
    private static let path: [Substring] = ["myelin", "node"]

    package let trustDomain: String
    package let name: String

    /// - Returns: nil unless both can stand in a SPIFFE ID.
    package init?(trustDomain: String, name: String) {
        guard SPIFFEID.isTrustDomain(trustDomain), Self.isName(name) else { return nil }
        self.trustDomain = trustDomain
        self.name = name
    }

    /// Parses the URI form; nil for anything else.
    package init?(_ uri: some StringProtocol) {
        guard uri.utf8.count <= SPIFFEID.maximumLength, uri.hasPrefix("spiffe://") else { return nil }
        let parts = uri.dropFirst("spiffe://".count).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[1] == Self.path[0], parts[2] == Self.path[1] else { return nil }
        self.init(trustDomain: String(parts[0]), name: String(parts[3]))
    }

    package var description: String { "spiffe://\(trustDomain)/myelin/node/\(name)" }

    /// A segment of a SPIFFE ID's path (SPIFFE ID §2.2): letters, digits, dots, dashes and underscores, and neither `.` nor `..`.
    package static func isName(_ text: some StringProtocol) -> Bool {
        (1...maximumName).contains(text.utf8.count) && text != "." && text != ".."
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}

/// What the certificate authority's own servers are called.
package enum AuthorityIdentity {
    /// SNI and DNS SAN. Services have names of three labels (`<service>.<namespace>.svc`), so none can have this one.
    package static let serverName = "authority.ca.myelin.svc"

    package static func uri(trustDomain: String) -> String { "spiffe://\(trustDomain)/myelin/authority" }
}
