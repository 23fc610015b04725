internal import MeshIdentity
internal import MeshSystem
package import MeshTypes

/// Answers the calls: who asks is found out anew for every message, so that nobody gets a key after it has ended, moved, or ceased to be
/// a workload.
final class CallDesk: Sendable {
    let svids: WorkloadSVIDs
    let tally: WorkloadAPITally
    private let trustDomain: String
    private let streams: CallerRoster
    private let journal = RefusalJournal()
    private let report: @Sendable (WorkloadAPIEvent) -> Void

    init(
        svids: WorkloadSVIDs, trustDomain: String, options: WorkloadAPIOptions, tally: WorkloadAPITally,
        report: @escaping @Sendable (WorkloadAPIEvent) -> Void
    ) {
        self.svids = svids
        self.trustDomain = trustDomain
        self.tally = tally
        self.report = report
        streams = CallerRoster(total: .max, perCaller: options.streamsPerWorkload)
    }

    var openStreams: Int { streams.count }

    /// The cgroup of the caller's workload; nil for everybody else.
    func place(_ caller: Caller) async -> String? { (try? await workload(of: caller))?.cgroup }

    /// Until the caller goes, or may not ask any more.
    /// - Parameter gone: told once, what to do when the stream has been closed meanwhile.
    func answer(_ method: WorkloadMethod, of caller: Caller, into sink: CallSink, gone: (@escaping @Sendable () -> Void) -> Void) async {
        let watch = await svids.watch()
        gone { watch.continuation.finish() }
        var sink = sink
        let status: GRPCStatus
        do throws(GRPCStatus) {
            let workload = try await workload(of: caller)
            guard streams.enter(workload.cgroup) else {
                throw GRPCStatus(.resourceExhausted, "this workload has as many streams as it may have")
            }
            defer { streams.leave(workload.cgroup) }
            try await serve(method, caller, workload, watch.id, watch.changes, &sink)
            status = GRPCStatus(.cancelled, "the caller has gone")
        } catch { status = error }
        await svids.unwatch(watch.id)
        tally.count(method, status.code)
        sink.finish(status)
    }

    private func serve(
        _ method: WorkloadMethod, _ caller: Caller, _ workload: Workload, _ watch: Int, _ changes: AsyncStream<Void>, _ sink: inout CallSink
    ) async throws(GRPCStatus) {
        var last: Sent?
        for await _ in changes {
            guard try await self.workload(of: caller) == workload else {
                throw GRPCStatus(.permissionDenied, "the caller belongs to another workload by now: call again")
            }
            guard let next = try await message(method, workload, watch), next != last else { continue }
            do { try await sink.send(next.bytes) } catch { throw GRPCStatus(.cancelled, "the caller has gone") }
            if method == .fetchX509SVID { tally.countSVID() }
            last = next
        }
    }

    /// What was sent is compared without the key, which belongs to the certificate.
    private struct Sent: Equatable {
        let svid: WorkloadSVID?
        let bundle: [[UInt8]]
        let bytes: [UInt8]
        static func == (left: Self, right: Self) -> Bool { left.svid == right.svid && left.bundle == right.bundle }
    }

    /// nil while an SVID is being made.
    private func message(_ method: WorkloadMethod, _ workload: Workload, _ watch: Int) async throws(GRPCStatus) -> Sent? {
        do throws(AuthorityFailure) {
            let bundle = try await svids.bundle()
            guard method == .fetchX509SVID else {
                let response = X509BundlesResponse(trustDomain: trustDomain, bundle: Array(bundle.joined()))
                return Sent(svid: nil, bundle: bundle, bytes: response.encoded)
            }
            guard let svid = try await svids.svid(of: workload, watch: watch) else { return nil }
            return Sent(svid: svid, bundle: bundle, bytes: X509SVIDResponse(svids: [svid.message(bundle: bundle)]).encoded)
        } catch {
            if journal.isNews(workload.cgroup) { report(.failed(workload, why: error.description)) }
            // What is wrong with the authority is for operators, in the log.
            throw GRPCStatus(.unavailable, "there is no SVID for \(workload.service) now: see the daemon's log")
        }
    }

    private func workload(of caller: Caller) async throws(GRPCStatus) -> Workload {
        let cgroup: String
        switch caller {
        case .unknown(let why): throw refusal("an unknown process", why)
        case .process(let process):
            do throws(SystemError) { cgroup = try process.cgroup() } catch { throw refusal("an unknown process", "\(error)") }
        }
        guard let workload = await svids.workload(ofCgroup: cgroup) else {
            throw refusal(cgroup, "no captured workload of this node has this cgroup")
        }
        return workload
    }

    private func refusal(_ caller: String, _ why: String) -> GRPCStatus {
        if journal.isNews(caller) { report(.refused(caller: caller, why: why)) }
        return GRPCStatus(.permissionDenied, "no identity: the caller belongs to no workload of the mesh on this node")
    }
}

/// What operators should know.
package enum WorkloadAPIEvent: Sendable {
    /// - caller: its cgroup.
    case refused(caller: String, why: String)
    case failed(Workload, why: String)
}
