internal import Foundation
internal import Glibc
internal import Logging
internal import MeshAdmin
internal import MeshConfig
internal import MeshIdentity
internal import MeshTelemetry
internal import MeshTypes
internal import MeshWorkloadAPI
internal import Synchronization

/// The SPIFFE Workload API of this node, and what an operator sees of it.
final class WorkloadAPI: Sendable {
    private static let retry = Duration.seconds(5)

    private let svids: WorkloadSVIDs
    private let server: WorkloadServer
    private let socket: String
    private let log: Logger
    /// Why the socket is not served, if so.
    private let failure = Mutex<String?>(nil)

    /// File descriptors that are kept for it.
    static func descriptors(_ configuration: NodeConfiguration) -> Int {
        configuration.spiffe.workloadSocket.map { WorkloadAPIOptions(socket: $0).descriptors } ?? 0
    }

    /// - Returns: nil where no socket is named; an agent in the authority's place issues to nobody, and the configuration forbids both.
    init?(_ configuration: NodeConfiguration, source: IdentitySource, enrolment: Enrolment, log: Logger) {
        guard let socket = configuration.spiffe.workloadSocket, case .authority(let authority) = source else { return nil }
        self.socket = socket
        self.log = log
        svids = WorkloadSVIDs(
            authority: authority, trustDomain: configuration.trustDomain, lifetime: configuration.authority.lifetime,
            workloads: { await enrolment.workloads.map(\.workload) })
        server = WorkloadServer(WorkloadAPIOptions(socket: socket), svids: svids, trustDomain: configuration.trustDomain) { event in
            switch event {
            case .refused(let caller, let why):
                log.warning("workload API: caller refused", metadata: ["caller": "\(caller)", "reason": "\(why)"])
            case .failed(let workload, let why):
                log.error("workload API: no SVID", metadata: ["service": "\(workload.service)", "error": "\(why)"])
            }
        }
    }

    /// Until cancelled. A socket that cannot be served is reported and tried again: traffic does not depend on it.
    func run() async {
        await withTaskGroup { group in
            group.addTask { await self.svids.run() }
            group.addTask { await self.serve() }
        }
    }

    private func serve() async {
        while !Task.isCancelled {
            let reason: String
            do {
                try DaemonDirectories.make((socket as NSString).deletingLastPathComponent, mode: DaemonDirectories.runMode)
                try await server.run {
                    self.failure.withLock { $0 = nil }
                    self.log.notice("workload API serves", metadata: ["socket": "\(self.socket)"])
                }
                reason = "the socket was closed"
            } catch is CancellationError { return } catch { reason = "\(error)" }
            let isNew = failure.withLock { failure in
                defer { failure = reason }
                return failure != reason
            }
            if isNew { log.error("workload API cannot be served", metadata: ["socket": "\(socket)", "error": "\(reason)"]) }
            try? await Task.sleep(for: Self.retry)
        }
    }

    var problem: StatusView.Problem? {
        failure.withLock(\.self).map {
            StatusView.Problem(what: "workloads get no SVIDs at \(socket): \($0)", remedy: "correct `spiffe.workload_api` in node.yaml")
        }
    }

    func check() async -> CheckView {
        if let problem { return CheckView("workload api", .error, problem.what, remedy: problem.remedy) }
        if let closed = closedDirectory {
            return CheckView(
                "workload api", .warning, "\(closed) cannot be entered by others: only root's workloads reach \(socket)",
                remedy: "chmod o+x \(closed), or name a socket in another directory")
        }
        let failing = await svids.statuses().filter { $0.lastError != nil }
        if let first = failing.first {
            return CheckView(
                "workload api", first.notAfter == nil ? .error : .warning,
                "\(failing.count) SVIDs are not renewed, first \(first.workload.service) in \(first.workload.cgroup): \(first.lastError ?? "")",
                remedy: "see `myelinctl certificates`")
        }
        return CheckView("workload api", .ok, "workloads get their SVIDs at \(socket), \(server.streams) streams are open")
    }

    /// The first directory above the socket that users other than its owner and group cannot enter.
    private var closedDirectory: String? {
        var path = ""
        for component in socket.split(separator: "/").dropLast() {
            path += "/" + component
            var status = stat()
            if stat(path, &status) == 0, status.st_mode & S_IXOTH == 0 { return path }
        }
        return nil
    }

    func certificates() async -> [CertificateView] {
        await svids.statuses().map { status in
            let state: CertificateStatus.State =
                status.notAfter == nil ? .pending : status.lastError == nil ? .valid : .failing
            return CertificateView(
                service: "\(status.workload.service.name)", namespace: status.workload.service.namespace, spiffe: "\(status.identity)",
                state: state.rawValue, serial: status.serial, notBefore: status.notBefore?.formatted(.iso8601),
                notAfter: status.notAfter?.formatted(.iso8601), nextRenewal: status.nextAttempt.formatted(.iso8601),
                lastError: status.lastError, workload: status.workload.cgroup)
        }
    }

    func families() async -> [MetricFamily] {
        func gauge(name: String, _ help: String, _ value: Int) -> MetricFamily {
            MetricFamily(name: name, help: help, kind: .gauge, samples: [MetricSample(value: Double(value))])
        }
        let calls = server.tally.ended.map { call, count in
            MetricSample(
                labels: [MetricSample.Label("method", call.method?.rawValue ?? "unknown"), MetricSample.Label("code", call.code.label)],
                value: Double(count))
        }
        return [
            MetricFamily(
                name: "myelin_workload_api_calls_total", help: "Calls of the Workload API that ended, by gRPC status.", kind: .counter,
                samples: calls.sorted { left, right in left.labels.lexicographicallyPrecedes(right.labels) { $0.value < $1.value } }),
            MetricFamily(
                name: "myelin_workload_api_svids_sent_total", help: "SVIDs that workloads were sent, renewed ones included.",
                kind: .counter,
                samples: [MetricSample(value: Double(server.tally.handedOut))]),
            gauge(name: "myelin_workload_api_streams", "Calls of workloads that wait for the next SVID or bundle.", server.streams),
            gauge(name: "myelin_workload_api_connections", "Connections to the Workload API.", server.connections),
            gauge(name: "myelin_workload_api_svids", "SVIDs held for workloads.", await svids.statuses().count { $0.notAfter != nil }),
        ]
    }
}
