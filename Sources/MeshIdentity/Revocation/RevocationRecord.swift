internal import Foundation
package import MeshTLS
internal import MeshTypes

/// Why a certificate is refused before its end (RFC 5280 §5.3.1).
package enum RevocationReason: String, Sendable, Codable, CaseIterable {
    case unspecified
    case keyCompromise = "key_compromise"
    case affiliationChanged = "affiliation_changed"
    case superseded
    case cessationOfOperation = "cessation_of_operation"
    case privilegeWithdrawn = "privilege_withdrawn"

    /// The number in a certificate revocation list.
    package var number: Int {
        switch self {
        case .unspecified: 0
        case .keyCompromise: 1
        case .affiliationChanged: 3
        case .superseded: 4
        case .cessationOfOperation: 5
        case .privilegeWithdrawn: 9
        }
    }
}

/// `revocations.json`: what the authority takes back.
package struct RevocationRecord: Codable, Sendable, Equatable {
    static let file = "revocations.json"
    static let maximumBytes = 16 << 20
    /// Certificates at a time; they go when they end.
    package static let maximumCertificates = 20_000
    /// Nodes at a time; they go when an operator restores them.
    package static let maximumNodes = 10_000
    /// Clocks of nodes may differ: a certificate is listed for so long after its end.
    static let grace: Int64 = 3600

    package struct Certificate: Codable, Sendable, Equatable {
        package let serial: String
        /// Empty if the authority does not know the certificate.
        package let subject: String
        package let node: String
        package let reason: RevocationReason
        /// Seconds since the epoch.
        package let revokedAt: Int64
        /// nil if the authority does not know the certificate: listed for ever.
        package let notAfter: Int64?
    }

    package struct Node: Codable, Sendable, Equatable {
        package let name: String
        package let reason: RevocationReason
        package let revokedAt: Int64
    }

    package internal(set) var certificates: [Certificate] = []
    package internal(set) var nodes: [Node] = []

    package var serials: RevokedSerials { RevokedSerials(Set(certificates.map(\.serial))) }

    package func isRevoked(node: String) -> Bool { nodes.contains { $0.name == node } }

    static func read(in directory: String) throws(AuthorityFailure) -> RevocationRecord {
        let path = "\(directory)/\(file)"
        guard let bytes = try PrivateFile.read(path, secret: false, limit: maximumBytes) else { return RevocationRecord() }
        do {
            return try decoder().decode(RevocationRecord.self, from: Data(bytes))
        } catch {
            throw AuthorityFailure(.damaged, "\(path) cannot be read: \(error)", advice: "restore it from a backup")
        }
    }

    func write(in files: borrowing AuthorityDirectory) throws(AuthorityFailure) {
        let bytes: [UInt8]
        do { bytes = Array(try Self.encoder().encode(self)) } catch {
            throw AuthorityFailure(.request, "the revocations cannot be written: \(error)", advice: "report it")
        }
        try files.write(Self.file, bytes, mode: 0o644)
    }

    mutating func dropEnded(_ now: Date) {
        let line = Int64(now.timeIntervalSince1970) - Self.grace
        certificates.removeAll { $0.notAfter.map { $0 < line } ?? false }
    }

    private static func encoder() -> JSONEncoder {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return encoder
    }

    private static func decoder() -> JSONDecoder {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return decoder
    }
}
