package import Foundation
package import MeshIdentity
package import MeshTLS
package import MeshTypes

/// A record as a node writes it into a store: the record's text, and what proves who wrote it.
///
/// The text is signed byte for byte, together with the place where it lies and the time for which it holds; so it needs no canonical form,
/// cannot be moved elsewhere, and cannot be used again for longer than `lifetime`.
package struct SignedAnnouncement: Codable, Equatable {
    /// Begins every statement: it is of no use for anything else.
    private static let purpose = "myelin announcement 1"
    /// Seconds for which a signature holds, unless the certificate ends before. Nodes sign again at half of it.
    package static let lifetime: Int64 = 3600
    /// Seconds that clocks of nodes may differ by.
    package static let skew: Int64 = 60

    package let record: String
    /// Seconds since the epoch; nil without a signature.
    package var issued: Int64?
    package var expires: Int64?
    /// Leaf first, without the root, DER.
    package var chain: [Data]?
    package var signature: Data?

    var isSigned: Bool { signature != nil }

    package init(unsigned record: String) { self.record = record }

    /// - Parameters:
    ///   - place: where it will lie, such as `instances/node-1/default/wallet/10.0.0.1:8081`.
    ///   - now: seconds since the epoch.
    package init(_ record: String, place: String, key: StatementKey, now: Int64) throws(TLSFailure) {
        self.record = record
        let expires = min(now + Self.lifetime, key.notAfter)
        let signed = try key.sign(Self.statement(record, place: place, issued: now, expires: expires))
        issued = now
        self.expires = expires
        chain = signed.chainDER.map { Data($0) }
        signature = Data(signed.signature)
    }

    package init(reading bytes: [UInt8]) throws(AnnouncementRefusal) {
        do { self = try JSONDecoder().decode(Self.self, from: Data(bytes)) } catch { throw .malformed }
    }

    package var bytes: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Strings, numbers and bytes: nothing that could fail.
        return (try? encoder.encode(self)).map { Array($0) } ?? []
    }

    /// For how long it holds, if it is genuine.
    package struct Validity: Equatable, Sendable {
        package let from: Int64
        package let until: Int64

        /// Without a signature: as long as it is there.
        static let always = Validity(from: .min, until: .max)

        package func holds(_ now: Int64) -> Bool { from <= now && now < until }
    }

    /// Whether `service` itself says this. Times are left to the caller: they pass.
    package func check(
        place: String, service: SPIFFEID, trust: TrustBundle, revoked: RevokedSerials = .none, now: Int64
    ) throws(AnnouncementRefusal) -> Validity {
        guard let issued, let expires, let chain, let signature else { throw .unsigned }
        guard expires > issued, expires - issued <= Self.lifetime else { throw .stale }
        let statement = SignedStatement(
            statement: Self.statement(record, place: place, issued: issued, expires: expires), signature: Array(signature),
            chainDER: chain.map { Array($0) })
        let author: SignedStatement.Author
        do throws(TLSFailure) { author = try statement.author(trust: trust, revoked: revoked, now: now) } catch {
            throw error.reason == .peerIdentity ? .wrongIdentity : .badSignature
        }
        guard author.identity == service else { throw .wrongIdentity }
        return Validity(from: issued - Self.skew, until: min(expires + Self.skew, author.notAfter))
    }

    /// The numbers have no spaces and the place no line ends, so that no two statements read alike.
    private static func statement(_ record: String, place: String, issued: Int64, expires: Int64) -> [UInt8] {
        Array("\(purpose)\n\(place)\n\(issued) \(expires)\n\(record)".utf8)
    }
}
