internal import Logging
package import MeshBPF
package import MeshDataPlane
package import MeshIdentity
package import MeshPolicy
package import MeshRegistry
package import MeshSnapshot
package import MeshTLS
package import MeshTypes

/// Brings the node to what the registry and the policies say: enrols workloads, asks for their certificates, publishes a snapshot
/// to the workers and writes the kernel's tables from the same generation.
///
/// Inputs are set at any time; `run()` applies them one pass after the other, so that no two passes overlap.
package actor Reconciler {
    /// Workloads that are not there yet are looked for at this interval.
    package static let interval = Duration.milliseconds(500)

    private let capture: Capture
    private let dataPlane: DataPlane
    private let names: NameServer
    private let enrolment: Enrolment
    private let identities: IdentityStore
    private let direct: Bool
    private let log: Logger
    private var builder: SnapshotBuilder
    private var numbers = ServiceNumbers()
    private var virtualAddresses: VirtualAddresses
    private var generation: UInt64 = 0
    private var isDirty = true
    private var published: Credentials = [:]
    package private(set) var snapshot: Snapshot
    /// What the kernel's tables could not take, if anything: shown by `myelinctl check`.
    package private(set) var kernelFailure: String?

    private typealias Credentials = [ServiceIdentity: TLSCredential]

    package struct Parts {
        package let capture: Capture
        package let dataPlane: DataPlane
        package let names: NameServer
        package let enrolment: Enrolment
        package let identities: IdentityStore

        package init(
            capture: Capture, dataPlane: DataPlane, names: NameServer, enrolment: Enrolment, identities: IdentityStore
        ) {
            self.capture = capture
            self.dataPlane = dataPlane
            self.names = names
            self.enrolment = enrolment
            self.identities = identities
        }
    }

    /// - Parameter direct: whether permitted flows between two workloads of this node may go without the daemon.
    package init(
        _ parts: Parts, builder: SnapshotBuilder, virtualAddresses: VirtualAddresses, direct: Bool, log: Logger
    ) {
        capture = parts.capture
        dataPlane = parts.dataPlane
        names = parts.names
        enrolment = parts.enrolment
        identities = parts.identities
        self.builder = builder
        self.virtualAddresses = virtualAddresses
        self.direct = direct
        self.log = log
        snapshot = builder.build(generation: 0, numbers: &numbers, addresses: [:])
    }

    package func apply(registry: RegistryState) {
        builder.registry = registry
        isDirty = true
    }

    package func apply(policy: PolicySet) {
        builder.policy = policy
        isDirty = true
    }

    package func identity(of id: ServiceID) -> ServiceIdentity? { numbers.identity(of: id) }

    package var registry: RegistryState { builder.registry }
    package var policy: PolicySet { builder.policy }

    /// Until cancelled.
    package func run() async {
        while !Task.isCancelled {
            await pass()
            do { try await Task.sleep(for: Self.interval) } catch { return }
        }
    }

    /// One pass. Must not run twice at a time: only `run()` and the start call it.
    package func pass() async {
        let wanted = builder.registry.workloads[builder.node.name] ?? []
        var assigned: [ServiceIdentity: ServiceID] = [:]
        for workload in wanted { assigned[workload.service] = numbers.number(of: workload.service) }
        let policy = builder.policy
        let (numbered, permissive) = (assigned, { @Sendable (service: ServiceIdentity) in policy.isPermissive(service) })
        if await enrolment.reconcile(wanted, number: { numbered[$0] }, permissive: permissive) { isDirty = true }
        builder.workloads = await enrolment.workloads
        await identities.ensure(Set(builder.workloads.map(\.workload.service)))
        let credentials = await identities.credentials()
        if !same(credentials, published) { isDirty = true }
        guard isDirty else { return }
        isDirty = false
        publish(credentials)
    }

    private func same(_ left: Credentials, _ right: Credentials) -> Bool {
        left.count == right.count && left.allSatisfy { right[$0.key] === $0.value }
    }

    /// A new allowance reaches the workers before the kernel's tables, a new refusal is theirs at the latest with the next flow: the
    /// daemon decides again on every flow that it sees.
    private func publish(_ credentials: Credentials) {
        generation += 1
        builder.credentials = credentials
        published = credentials
        assignAddresses()
        let snapshot = builder.build(
            generation: generation, numbers: &numbers, addresses: virtualAddresses.assigned)
        self.snapshot = snapshot
        dataPlane.publish(snapshot)
        names.publish(snapshot)
        let policy = builder.policy
        writeKernelTables(
            KernelTables(
                snapshot, workloads: builder.workloads, direct: direct, permissive: { policy.isPermissive($0) }))
        log.info(
            "snapshot published",
            metadata: ["generation": "\(generation)", "services": "\(snapshot.allServices.count)"])
    }

    private func assignAddresses() {
        do {
            try virtualAddresses.assign(builder.registry.services.map(\.identity))
        } catch {
            log.error("virtual addresses", metadata: ["error": "\(error)"])
        }
    }

    private func writeKernelTables(_ tables: KernelTables) {
        do throws(KernelError) {
            try capture.reconcile(verdicts: tables.verdicts)
            try capture.reconcile(localEndpoints: tables.localEndpoints)
            try capture.reconcile(nodePorts: tables.nodePorts)
            try capture.reconcile(destinations: tables.destinations)
            kernelFailure = nil
        } catch {
            kernelFailure = error.description
            log.error("kernel tables", metadata: ["error": "\(error)"])
        }
    }
}
