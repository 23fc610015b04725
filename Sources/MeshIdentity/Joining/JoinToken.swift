internal import Crypto
internal import Foundation
internal import X509

/// The text that lets one node join once: `myelin-join:<id>.<secret>.<pin>[.<pin>]`.
///
/// A pin is the SHA-256 of a root's public key (SubjectPublicKeyInfo), by which the node knows the authority before it trusts anybody.
package struct JoinToken: Sendable, Equatable, CustomStringConvertible {
    static let prefix = "myelin-join:"
    static let idBytes = 8
    static let secretBytes = 32
    /// Roots during a change of root, and a few of an operator's.
    static let maximumPins = 8

    /// Lower-case hexadecimal, all three.
    package let id: String
    package let secret: String
    package let pins: [String]

    /// A new one for an authority with these roots.
    init(rootsDER: [[UInt8]]) {
        id = Self.random(Self.idBytes)
        secret = Self.random(Self.secretBytes)
        pins = rootsDER.prefix(Self.maximumPins).compactMap(Self.pin)
    }

    /// - Returns: nil unless it is such a text.
    package init?(_ text: String) {
        let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard trimmed.hasPrefix(Self.prefix) else { return nil }
        let parts = trimmed.dropFirst(Self.prefix.count).split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard (3...2 + Self.maximumPins).contains(parts.count), Self.isHex(parts[0], bytes: Self.idBytes),
            Self.isHex(parts[1], bytes: Self.secretBytes), parts[2...].allSatisfy({ Self.isHex($0, bytes: SHA256.byteCount) })
        else { return nil }
        id = parts[0]
        secret = parts[1]
        pins = Array(parts[2...])
    }

    package var description: String { "\(Self.prefix)\(id).\(secret).\(pins.joined(separator: "."))" }

    /// True for a root that the token vouches for.
    package func vouches(for rootDER: [UInt8]) -> Bool { Self.pin(rootDER).map(pins.contains) ?? false }

    /// nil for what is no certificate.
    static func pin(_ certificateDER: [UInt8]) -> String? {
        guard let certificate = try? Certificate(derEncoded: certificateDER) else { return nil }
        return hex(SHA256.hash(data: certificate.publicKey.subjectPublicKeyInfoBytes))
    }

    static func hash(_ secret: String) -> String { hex(SHA256.hash(data: Array(secret.utf8))) }

    static func isHex(_ text: String, bytes: Int) -> Bool {
        text.utf8.count == 2 * bytes
            && text.utf8.allSatisfy {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
            }
    }

    private static func random(_ count: Int) -> String {
        var generator = SystemRandomNumberGenerator()
        return hex((0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }

    static func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { byte in
            let text = String(byte, radix: 16)
            return text.count == 1 ? "0" + text : text
        }.joined()
    }
}
