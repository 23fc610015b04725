internal import Crypto
internal import Foundation
package import MeshIdentity
package import MeshTypes

/// The SVIDs that workloads of this node asked for: made on demand, renewed at half-life while somebody listens, dropped with their
/// workload, never written anywhere (R1.3, R1.4).
///
/// `run()` must be running for renewal. While the authority fails, what was issued is given out until it truly ends.
package actor WorkloadSVIDs {
    private let authority: any CertificateAuthority
    private let trustDomain: String
    private let lifetime: Duration
    private let clock: any IdentityClock
    private let enrolled: @Sendable () async -> [Workload]
    private var records: [Workload: SVIDRecord] = [:]
    private var watches: [Int: Watch] = [:]
    private var nextWatch = 0
    /// What the watchers were last told of.
    private var known = WorkloadDirectory([])
    private var roots: [[UInt8]] = []

    /// Somebody who is told of changes.
    private struct Watch {
        let continuation: AsyncStream<Void>.Continuation
        /// Whose SVID it wants; nil for bundles alone.
        var workload: Workload?
    }

    /// - Parameter workloads: those of this node that are captured now; nobody else gets an SVID.
    package init(
        authority: any CertificateAuthority, trustDomain: String, lifetime: Duration,
        clock: any IdentityClock = SystemIdentityClock(), workloads: @escaping @Sendable () async -> [Workload]
    ) {
        self.authority = authority
        self.trustDomain = trustDomain
        self.lifetime = lifetime
        self.clock = clock
        enrolled = workloads
    }

    /// Which workload a cgroup belongs to now.
    package func workload(ofCgroup cgroup: String) async -> Workload? { WorkloadDirectory(await enrolled()).workload(ofCgroup: cgroup) }

    /// The bundle of the trust domain: what peers descend from, DER.
    func bundle() async throws(AuthorityFailure) -> [[UInt8]] { try await authority.trustedRoots() }

    /// The workload's SVID; nil while it is being made: watchers are told when that has come to an end.
    /// - Parameter watch: keeps the SVID renewed from now on.
    package func svid(of workload: Workload, watch: Int) async throws(AuthorityFailure) -> WorkloadSVID? {
        watches[watch]?.workload = workload
        if records[workload] == nil {
            records[workload] = SVIDRecord(
                workload: workload, identity: SPIFFEID(trustDomain: trustDomain, service: workload.service), now: clock.now)
        }
        expire()
        if let current = records[workload]?.current { return current }
        if records[workload]?.isDue(clock.now) == true { await renew(workload) }
        if let current = records[workload]?.current { return current }
        if let error = records[workload]?.lastError { throw error }
        return nil
    }

    /// An element after every change; the first is there at once. `unwatch` must follow.
    package func watch() -> (id: Int, changes: AsyncStream<Void>, continuation: AsyncStream<Void>.Continuation) {
        let (changes, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        nextWatch += 1
        watches[nextWatch] = Watch(continuation: continuation)
        continuation.yield()
        return (nextWatch, changes, continuation)
    }

    package func unwatch(_ id: Int) { watches.removeValue(forKey: id)?.continuation.finish() }

    private func streams(of workload: Workload) -> Int { watches.values.count { $0.workload == workload } }

    /// In order of service and cgroup.
    package func statuses() -> [WorkloadSVIDStatus] {
        records.values.map { $0.status(streams: streams(of: $0.workload)) }.sorted {
            ($0.workload.service, $0.workload.cgroup) < ($1.workload.service, $1.workload.cgroup)
        }
    }

    /// Renews until cancelled.
    package func run() async {
        while !Task.isCancelled {
            await renewDue()
            do { try await clock.sleep(for: IdentityStore.tick) } catch { return }
        }
    }

    /// One pass: follows the workloads and the authority's roots, drops what nobody needs, renews what is due.
    package func renewDue() async {
        let directory = WorkloadDirectory(await enrolled())
        let present = Set(directory.workloads)
        for workload in records.keys where !present.contains(workload) { records[workload] = nil }
        var isChanged = directory != known
        known = directory
        if let now = try? await authority.trustedRoots(), now != roots {
            roots = now
            isChanged = true
        }
        if expire() { isChanged = true }
        for (workload, record) in records where record.isDue(clock.now) {
            // Nobody listens: the next one to ask gets a new one.
            if streams(of: workload) == 0 { records[workload] = nil } else { await renew(workload) }
        }
        if isChanged { tell() }
    }

    @discardableResult
    private func expire() -> Bool {
        var dropped = false
        for workload in records.keys where records[workload]?.expire(clock.now) == true { dropped = true }
        return dropped
    }

    private func renew(_ workload: Workload) async {
        guard let identity = records[workload]?.identity else { return }
        records[workload]?.isAsking = true
        let result = await ask(for: identity)
        // The workload may have gone meanwhile.
        records[workload]?.isAsking = false
        let chance = Double.random(in: 0..<1)
        switch result {
        case .success(let svid): records[workload]?.succeeded(svid, now: clock.now, chance: chance)
        case .failure(let why): records[workload]?.failed(why, now: clock.now, chance: chance)
        }
        tell()
    }

    private func ask(for identity: SPIFFEID) async -> Result<WorkloadSVID, AuthorityFailure> {
        let key = P256.Signing.PrivateKey()
        do throws(AuthorityFailure) {
            let issued = try await authority.issue(
                for: identity, requestDER: try Self.request(for: key), lifetime: lifetime, now: clock.now)
            return .success(
                WorkloadSVID(
                    identity: identity, chainDER: issued.chainDER, notBefore: issued.notBefore, notAfter: issued.notAfter, key: key))
        } catch { return .failure(error) }
    }

    private static func request(for key: P256.Signing.PrivateKey) throws(AuthorityFailure) -> [UInt8] {
        do { return try CertificateRequest.make(for: key) } catch {
            throw AuthorityFailure(.request, "no certificate request can be made: \(error)", advice: "report it")
        }
    }

    private func tell() { for watch in watches.values { watch.continuation.yield() } }
}
