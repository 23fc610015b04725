import Foundation
import MeshIdentity
import MeshStores
import MeshTLS
import MeshTypes
import Testing

/// Who may say where a service is.
struct SignedAnnouncementTests {
    private static let place = "instances/node-1/default/wallet/10.0.0.1:8081"
    private let now = Int64(Date().timeIntervalSince1970)
    private let wallet = SPIFFEID(trustDomain: TestIdentities.trustDomain, service: .of("wallet"))

    private func signed(_ identities: TestIdentities, as service: String = "wallet") async throws -> SignedAnnouncement {
        let key = try #require(await identities.store.statementKey(of: .of(service)))
        return try SignedAnnouncement("a record", place: Self.place, key: key, now: now)
    }

    private func check(
        _ announcement: SignedAnnouncement, _ identities: TestIdentities, place: String = place, revoked: RevokedSerials = .none,
        now: Int64? = nil
    ) async throws -> SignedAnnouncement.Validity {
        let trust = try #require(await identities.store.trustBundle())
        return try announcement.check(place: place, service: wallet, trust: trust, revoked: revoked, now: now ?? self.now)
    }

    @Test func theServiceItselfIsBelieved() async throws {
        let identities = try await TestIdentities(["wallet"])
        let announcement = try await signed(identities)
        let read = try SignedAnnouncement(reading: announcement.bytes)
        #expect(read == announcement)
        let validity = try await check(read, identities)
        #expect(validity.holds(now) && validity.holds(now + 3500) && !validity.holds(now + 3661) && !validity.holds(now - 61))
    }

    @Test func anotherServiceIsNot() async throws {
        let identities = try await TestIdentities(["wallet", "usage"])
        let announcement = try await signed(identities, as: "usage")
        await #expect(throws: AnnouncementRefusal.wrongIdentity) { try await check(announcement, identities) }
    }

    @Test func anotherAuthorityIsNot() async throws {
        let identities = try await TestIdentities(["wallet"])
        let stranger = try await TestIdentities(["wallet"])
        let announcement = try await signed(stranger)
        await #expect(throws: AnnouncementRefusal.badSignature) { try await check(announcement, identities) }
    }

    @Test func aRevokedCertificateVouchesForNothing() async throws {
        let identities = try await TestIdentities(["wallet"])
        let announcement = try await signed(identities)
        let serial = try #require(await identities.store.credentials()[.of("wallet")]?.serial)
        _ = try await check(announcement, identities, revoked: RevokedSerials(["00"]))
        await #expect(throws: AnnouncementRefusal.badSignature) {
            try await check(announcement, identities, revoked: RevokedSerials([serial]))
        }
    }

    /// Every single byte counts: what is said, where it lies, for how long, by whom.
    @Test func nothingCanBeChanged() async throws {
        let identities = try await TestIdentities(["wallet"])
        let announcement = try await signed(identities)
        await #expect(throws: AnnouncementRefusal.badSignature) {
            try await check(announcement, identities, place: "instances/node-2/default/wallet/10.0.0.1:8081")
        }
        var later = announcement
        later.expires = announcement.expires! + 1
        later.issued = announcement.issued! + 1
        var bytes = Array(announcement.signature!)
        bytes[bytes.count - 1] ^= 1
        var damaged = announcement
        damaged.signature = Data(bytes)
        let text = String(decoding: announcement.bytes, as: UTF8.self).replacing("a record", with: "b record")
        for changed in [later, damaged, try SignedAnnouncement(reading: Array(text.utf8))] {
            await #expect(throws: AnnouncementRefusal.badSignature) { try await check(changed, identities) }
        }
        var unsigned = announcement
        unsigned.signature = nil
        await #expect(throws: AnnouncementRefusal.unsigned) { try await check(unsigned, identities) }
    }

    @Test func holdsNoLongerThanAnHourOrTheCertificate() async throws {
        let short = try await TestIdentities(["wallet"], lifetime: .seconds(600))
        let announcement = try await signed(short)
        #expect(announcement.expires! <= now + 602)
        let validity = try await check(announcement, short)
        #expect(validity.until <= now + 602)
        var long = announcement
        long.expires = announcement.issued! + 100_000
        await #expect(throws: AnnouncementRefusal.stale) { try await check(long, short) }
        await #expect(throws: AnnouncementRefusal.badSignature) { try await check(announcement, short, now: now + 603) }
    }

    @Test(arguments: ["", "{", "[]", #"{"record":1}"#, #"{"record":"","chain":["%"]}"#])
    func whatCannotBeReadIsMalformed(text: String) {
        #expect(throws: AnnouncementRefusal.malformed) { try SignedAnnouncement(reading: Array(text.utf8)) }
    }
}
