internal import Foundation
package import MeshTLS
package import MeshTypes

/// The keys and certificates of the services on this node (R1.3, R1.4): made, renewed and dropped here, never written anywhere.
///
/// `run()` must be running for renewal. While the authority fails, what was issued serves until it truly ends.
package actor IdentityStore {
    package static let defaultLifetime = Duration.seconds(24 * 3600)
    /// How often the store looks whether something is due; also how fast it notices a clock that was set.
    package static let tick = Duration.seconds(5)
    /// Services on one node, at most.
    package static let maximumServices = 4096

    /// An element after every change of `credentials()`; changes that come faster than they are read are merged.
    package nonisolated let changes: AsyncStream<Void>
    private nonisolated let changed: AsyncStream<Void>.Continuation
    private let source: IdentitySource
    private let trustDomain: String
    private let lifetime: Duration
    private let clock: any IdentityClock
    private var records: [ServiceIdentity: IdentityRecord] = [:]
    private var trust: TrustBundle?
    private var revocations = RevokedSerials.none
    /// What the source of SVIDs took back, with its end.
    private var withdrawn: [String: Date] = [:]
    private var allRevoked = RevokedSerials.none
    /// Why the roots could not be read last time.
    private var trustError: String?

    /// - Parameter lifetime: of certificates; 12–48 h in production (R1.3), at least a minute.
    package init(
        authority: any CertificateAuthority, trustDomain: String, lifetime: Duration = defaultLifetime,
        clock: any IdentityClock = SystemIdentityClock()
    ) {
        self.init(source: .authority(authority), trustDomain: trustDomain, lifetime: lifetime, clock: clock)
    }

    package init(
        source: IdentitySource, trustDomain: String, lifetime: Duration = defaultLifetime,
        clock: any IdentityClock = SystemIdentityClock()
    ) {
        self.source = source
        self.trustDomain = trustDomain
        self.lifetime = lifetime
        self.clock = clock
        (changes, changed) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    deinit { changed.finish() }

    /// Makes `services` the ones that this node holds identities of. Returns after one attempt for each new one; a failed one is
    /// tried again by `run()`. Services beyond `maximumServices` (in order of name) get none.
    package func ensure(_ services: Set<ServiceIdentity>) async {
        let wanted = services.count <= Self.maximumServices ? services : Set(services.sorted().prefix(Self.maximumServices))
        let surplus = records.keys.filter { !wanted.contains($0) }
        for service in surplus { records[service] = nil }
        if !surplus.isEmpty { changed.yield() }
        for service in wanted where records[service] == nil {
            records[service] = IdentityRecord(identity: SPIFFEID(trustDomain: trustDomain, service: service), now: clock.now)
        }
        await renewDue()
    }

    /// What can be used now.
    package func credentials() -> [ServiceIdentity: TLSCredential] { records.compactMapValues { $0.current?.credential } }

    /// The roots that peers are checked against, DER; empty before the first success.
    package func trustedRoots() -> [[UInt8]] { trust?.rootsDER ?? [] }

    /// What statements about `service` are signed with and checked against; nil while there is no certificate, or no root.
    package func statementKey(of service: ServiceIdentity) -> StatementKey? {
        records[service]?.current.map {
            StatementKey(
                identity: $0.credential.identity, chainDER: $0.chainDER, notAfter: $0.credential.notAfter, key: $0.key)
        }
    }

    package func trustBundle() -> TrustBundle? { trust }

    /// Certificates that peers, or this node, must not show any more: revoked by the authority, or taken back by the source of SVIDs.
    package func revoked() -> RevokedSerials { allRevoked }

    private func collectRevoked() {
        withdrawn = withdrawn.filter { $0.value > clock.now }
        allRevoked = withdrawn.isEmpty ? revocations : RevokedSerials(revocations.serials.union(withdrawn.keys))
    }

    /// The authority can be asked again, or the clock was set: what waits for another attempt makes it now.
    package func retry() async {
        for service in records.keys { records[service]?.retry(clock.now) }
        await renewDue()
    }

    /// In order of name.
    package func statuses() -> [CertificateStatus] { records.keys.sorted().compactMap { records[$0]?.status } }

    /// Renews until cancelled.
    package func run() async {
        while !Task.isCancelled {
            await renewDue()
            do { try await clock.sleep(for: Self.tick) } catch { return }
        }
    }

    /// One pass: drops what ended, follows the authority's roots, asks for what is due.
    package func renewDue() async {
        dropExpired()
        await followTrust()
        await followRevocations()
        let always = source.isAskedAlways
        for service in records.keys.sorted() where records[service]?.isDue(clock.now, always: always) == true { await renew(service) }
    }

    private func dropExpired() {
        var dropped = false
        for service in records.keys where records[service]?.expire(clock.now) == true { dropped = true }
        if dropped { changed.yield() }
    }

    private func followTrust() async {
        do throws(AuthorityFailure) {
            let roots = try await source.trustedRoots()
            guard roots != trust?.rootsDER else {
                trustError = nil
                return
            }
            try adopt(roots)
            trustError = nil
        } catch {
            trustError = error.description
        }
    }

    /// A certificate of this node's own that was revoked serves no more; another one is asked for at once.
    private func followRevocations() async {
        // Without an answer, what was revoked stays so.
        guard let found = try? await source.revocations(), found != revocations else { return }
        revocations = found
        collectRevoked()
        for service in records.keys { records[service]?.revoke(found, now: clock.now) }
        changed.yield()
    }

    private func adopt(_ roots: [[UInt8]]) throws(AuthorityFailure) {
        do throws(TLSFailure) {
            let bundle = try TrustBundle(rootsDER: roots)
            var updated = records
            for service in records.keys { try updated[service]?.trust(bundle) }
            records = updated
            trust = bundle
        } catch {
            throw AuthorityFailure(.damaged, "the authority's roots cannot be used: \(error.detail)", advice: "correct them")
        }
        changed.yield()
    }

    private func renew(_ service: ServiceIdentity) async {
        guard let identity = records[service]?.identity else { return }
        records[service]?.isAsking = true
        let result = await ask(for: identity)
        // The service may be gone, or be new again, by now: then the answer serves it just as well.
        records[service]?.isAsking = false
        let chance = Double.random(in: 0..<1)
        switch result {
        case .success(let held):
            let isNew = records[service]?.current?.credential !== held.credential
            if isNew || records[service]?.lastError != nil { records[service]?.succeeded(held, now: clock.now, chance: chance) }
            // Given again.
            if withdrawn.removeValue(forKey: held.credential.serial) != nil { collectRevoked() }
            if isNew { changed.yield() }
        case .failure(let failure):
            records[service]?.failed(failure.description, now: clock.now, chance: chance)
            guard failure.code == .withdrawn, records[service]?.current != nil else { return }
            withdrawn.merge(records[service]?.withdraw() ?? [:]) { $1 }
            collectRevoked()
            changed.yield()
        }
    }

    private func ask(for identity: SPIFFEID) async -> Result<IdentityRecord.Held, AuthorityFailure> {
        do throws(AuthorityFailure) {
            let given = try await source.obtain(for: identity, lifetime: lifetime, now: clock.now)
            // An agent has the same for as long as it does not renew.
            if let current = records[identity.service]?.current, current.chainDER == given.certificate.chainDER { return .success(current) }
            // Read after the authority answered: the roots may have changed meanwhile.
            guard let trust else {
                throw AuthorityFailure(
                    .unreachable, trustError ?? "the authority's roots are not known yet", advice: "see the authority's log")
            }
            return .success(try Self.hold(identity, given.certificate, given.key, trust, now: clock.now))
        } catch {
            return .failure(error)
        }
    }

    private static func hold(
        _ identity: SPIFFEID, _ issued: IssuedCertificate, _ key: TLSPrivateKey, _ trust: TrustBundle, now: Date
    ) throws(AuthorityFailure) -> IdentityRecord.Held {
        do throws(TLSFailure) {
            let credential = try TLSCredential(identity: identity, chainDER: issued.chainDER, privateKey: key, trust: trust)
            // What peers would refuse is not shown to them.
            try ChainCheck.verifyOwn(issued.chainDER, trust: trust, now: Int64(now.timeIntervalSince1970))
            return IdentityRecord.Held(
                credential: credential, chainDER: issued.chainDER, key: key, notBefore: issued.notBefore, notAfter: issued.notAfter)
        } catch {
            throw AuthorityFailure(.request, "the authority's answer cannot be used: \(error.detail)", advice: "check the authority")
        }
    }
}
