internal import Foundation
internal import MeshAdmin
internal import MeshBPF
internal import MeshConfig
internal import MeshIdentity
internal import MeshRegistry
internal import MeshRuntime
internal import MeshSnapshot
internal import MeshTelemetry
internal import MeshTypes
internal import Synchronization

/// What the daemon tells of itself.
final class NodeAdmin: AdminSource {
    let configuration: NodeConfiguration
    let parts: NodeParts
    let documents: NodeDocuments
    let registry: NodeRegistry
    private let started = ContinuousClock.now
    private let phase = Mutex(StatusView.State.starting)

    init(_ configuration: NodeConfiguration, parts: NodeParts, documents: NodeDocuments, registry: NodeRegistry) {
        self.configuration = configuration
        self.parts = parts
        self.documents = documents
        self.registry = registry
    }

    func enter(_ state: StatusView.State) { phase.withLock { $0 = state } }

    var state: StatusView.State { phase.withLock { $0 } }

    func status() async -> StatusView {
        let snapshot = await parts.reconciler.snapshot
        let counters = parts.dataPlane.counters()
        return StatusView(
            version: DaemonVersion.text, node: configuration.node.name, zone: configuration.node.zone, region: configuration.node.region,
            trustDomain: configuration.trustDomain, tunnel: parts.tunnel.description, state: state,
            pid: ProcessInfo.processInfo.processIdentifier, uptimeSeconds: Int((ContinuousClock.now - started).components.seconds),
            tookOver: parts.capture.tookOver, generation: snapshot.generation, adoptedGenerations: parts.dataPlane.adoptedGenerations,
            workloads: await parts.enrolment.workloads.count, workloadsWaiting: await parts.enrolment.pending.count,
            services: snapshot.allServices.count, flows: UInt64(await parts.dataPlane.connections().count),
            tunnels: counters.reduce(0) { $0 + $1.tunnels },
            problems: await problems())
    }

    /// Who sits at the mesh's own ports since before the mesh came.
    private func squatters() async -> [StatusView.Problem] {
        await parts.enrolment.squatted.map { workload, address in
            let isResolver = address.port == Capture.resolverPort
            let effect = isResolver ? "DNS there is refused" : "captured connections are served all the same"
            return StatusView.Problem(
                what: "somebody else holds port \(address.port) in the namespace of \(workload.service): \(effect)",
                remedy: "end whoever has \(address), see ss -lnp; the daemon tries again every few seconds")
        }
    }

    /// What keeps the node from doing what its files say.
    func problems() async -> [StatusView.Problem] {
        var problems = documents.problems.flatMap { source in
            source.errors.errors.map {
                StatusView.Problem(what: "\($0)", remedy: "correct the \(source.what) file; the last good set stays in force meanwhile")
            }
        }
        for pending in await parts.enrolment.pending {
            problems.append(
                StatusView.Problem(
                    what: "\(pending.workload.service) in \(pending.workload.cgroup) is not captured: \(pending.reason)",
                    remedy: "start it, or correct its record in the registry"))
        }
        problems += await squatters()
        for certificate in await parts.identities.statuses() {
            guard let error = certificate.lastError else { continue }
            problems.append(
                StatusView.Problem(what: "no new certificate for \(certificate.service): \(error)", remedy: "see `myelinctl certificates`"))
        }
        if let failure = await parts.reconciler.kernelFailure {
            problems.append(StatusView.Problem(what: failure, remedy: "see the daemon's log"))
        }
        if let failure = await parts.reconciler.addressFailure {
            problems.append(StatusView.Problem(what: failure, remedy: "widen dns.virtual_v4"))
        }
        problems += [
            await parts.authority?.problem(), parts.sharedLimits?.problem, parts.agent?.problem, parts.workloadAPI?.problem,
        ].compactMap(\.self)
        problems += nameProblems()
        if let warning = parts.addressWarning {
            problems.append(StatusView.Problem(what: warning, remedy: "no action: it is written anew"))
        }
        if let error = parts.flowLog.writeError { problems.append(StatusView.Problem(what: error, remedy: "free space, then send SIGHUP")) }
        return problems
    }

    func workloads() async -> [WorkloadView] {
        let captured = await parts.enrolment.workloads.map { entry in
            WorkloadView(
                entry.workload, trustDomain: configuration.trustDomain, cgroupInode: entry.cgroup,
                network: entry.workload.sharesNodeNamespace ? "host" : Self.list(entry.addresses), permissive: entry.permissive,
                state: .captured, reason: nil, connections: connections(of: entry))
        }
        let waiting = await parts.enrolment.pending.map { pending in
            WorkloadView(
                pending.workload, trustDomain: configuration.trustDomain, cgroupInode: nil, network: "", permissive: false,
                state: .waiting, reason: pending.reason)
        }
        return captured + waiting
    }

    private func connections(of entry: EnrolledWorkload) -> WorkloadView.Connections {
        let usage = parts.dataPlane.connections(of: entry.id)
        let kernel = parts.capture.usage(of: entry.id)
        return WorkloadView.Connections(
            open: usage?.connections ?? 0, share: usage?.share, refused: (usage?.refused ?? 0) + kernel.refused, pending: kernel.entries)
    }

    private static func list(_ addresses: Set<IPAddress>) -> String {
        addresses.filter { !$0.isLoopback && !$0.isLinkLocal }.map(\.description).sorted().joined(separator: ", ")
    }

    func certificates() async -> [CertificateView] {
        func time(_ date: Date?) -> String? { date?.formatted(.iso8601) }
        let tunnels = await parts.identities.statuses().map { status in
            CertificateView(
                service: "\(status.service.name)", namespace: status.service.namespace, spiffe: "\(status.identity)",
                state: status.state.rawValue, serial: status.serial, notBefore: time(status.notBefore), notAfter: time(status.notAfter),
                nextRenewal: time(status.nextAttempt), lastError: status.lastError)
        }
        return tunnels + (await parts.workloadAPI?.certificates() ?? [])
    }

    func configuration() async -> ConfigView { ConfigView(text: configuration.rendered) }

    func flows(deniedOnly: Bool, limit: Int) async -> [FlowEntry] { parts.flowLog.recent(limit: limit, deniedOnly: deniedOnly) }

    func followFlows(deniedOnly: Bool) async -> AsyncStream<FlowEntry> { parts.flowLog.follow(deniedOnly: deniedOnly) }

    func isReady() async -> Bool {
        let generation = await parts.reconciler.snapshot.generation
        let adopted = parts.dataPlane.adoptedGenerations.allSatisfy { $0 > 0 }
        return state == .serving && generation > 0 && adopted && documents.problems.isEmpty
    }
}

extension WorkloadView {
    fileprivate init(
        _ workload: Workload, trustDomain: String, cgroupInode: UInt64?, network: String, permissive: Bool, state: State, reason: String?,
        connections: Connections? = nil
    ) {
        self.init(
            service: "\(workload.service.name)", namespace: workload.service.namespace,
            spiffe: SPIFFEID(trustDomain: trustDomain, service: workload.service).description, cgroup: workload.cgroup,
            cgroupInode: cgroupInode,
            network: network, permissive: permissive, state: state, reason: reason, connections: connections)
    }
}

/// The version of this build.
package enum DaemonVersion {
    package static let text = "0.1.0"
}
