/// The logical name of a service: a DNS label (RFC 1035 §2.3.1, lower case, 1–63 octets).
///
/// Policy files may write `_` for `-` (`chain_rpc` is `chain-rpc`); `init(_:)` normalises it.
package struct ServiceName: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let label: String

    /// - Returns: nil unless `text`, after lower-casing and `_` → `-`, is a DNS label.
    package init?(_ text: some StringProtocol) {
        let label = String(text.lowercased().map { $0 == "_" ? "-" : $0 })
        guard DNSLabel.isValid(label.utf8) else { return nil }
        self.label = label
    }

    package var description: String { label }
    package static func < (left: Self, right: Self) -> Bool { left.label < right.label }
}

/// A service within a namespace; the subject of certificates, policy and the registry.
package struct ServiceIdentity: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let namespace: String
    package let name: ServiceName

    package init(namespace: String, name: ServiceName) {
        self.namespace = namespace
        self.name = name
    }

    /// The DNS SAN of its certificate and the SNI of tunnels to it (R1.1): `<service>.<namespace>.svc`.
    package var serverName: String { "\(name).\(namespace).svc" }

    /// `<namespace>/<service>`, for people.
    package var description: String { "\(namespace)/\(name)" }

    package static func < (left: Self, right: Self) -> Bool {
        (left.namespace, left.name) < (right.namespace, right.name)
    }
}

/// What RFC 1035 and RFC 1123 let a label be.
package enum DNSLabel {
    package static let maximumLength = 63

    package static func isValid(_ bytes: some Collection<UInt8>) -> Bool {
        guard (1...maximumLength).contains(bytes.count), let first = bytes.first else { return false }
        var last = first
        for byte in bytes {
            guard isLetterOrDigit(byte) || byte == UInt8(ascii: "-") else { return false }
            last = byte
        }
        return isLetterOrDigit(first) && isLetterOrDigit(last)
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
