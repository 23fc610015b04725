package import Logging
package import MeshBPF
package import MeshDataPlane
package import MeshIdentity
package import MeshPolicy
package import MeshRegistry
internal import MeshRuntime
package import MeshSnapshot
internal import MeshTLS
internal import MeshTypes
package import Synchronization

/// Brings the node to what the registry and the policies say: enrols workloads, asks for their certificates, publishes a snapshot
/// to the workers and writes the kernel's tables from the same generation.
///
/// Inputs are set at any time; `run()` applies them one pass after the other, so that no two passes overlap.
package actor Reconciler {
    /// Workloads that are not there yet are looked for at this interval.
    package static let interval = Duration.milliseconds(500)
    /// How long the kernel's tables wait for workers that are slow to adopt a snapshot.
    private static let adoptionTimeout = Duration.milliseconds(200)

    /// What it works on.
    package struct Parts: Sendable {
        package let capture: Capture
        package let dataPlane: DataPlane
        package let names: NameServer
        package let enrolment: Enrolment
        package let identities: IdentityStore
        package let withdrawn: WithdrawnFlows

        package init(
            capture: Capture, dataPlane: DataPlane, names: NameServer, enrolment: Enrolment, identities: IdentityStore,
            withdrawn: WithdrawnFlows
        ) {
            self.withdrawn = withdrawn
            self.capture = capture
            self.dataPlane = dataPlane
            self.names = names
            self.enrolment = enrolment
            self.identities = identities
        }
    }

    private let parts: Parts
    private let direct: Bool
    private let log: Logger
    private let wakes: AsyncStream<Void>
    private nonisolated let wakeUp: AsyncStream<Void>.Continuation
    private var builder: SnapshotBuilder
    private var virtualAddresses: VirtualAddresses
    private var generation: UInt64 = 0
    private var isDirty = true
    /// Snapshots that a worker may still hold: freeing a large one takes milliseconds, which must not be a worker's.
    private var retired: [Snapshot] = []
    private var published: [ServiceIdentity: TLSCredential] = [:]
    /// Under which direct connections began that may still live; nil before the first pass, as a daemon before this one permitted some.
    private var directPermits: DirectPermits?
    /// A connect that was permitted a moment before a withdrawal is in the kernel's table a moment after it.
    private var looksAgain = false
    package private(set) var snapshot: Snapshot
    /// Monotonic nanoseconds of the end of the last pass.
    package nonisolated let passedAt = Atomic<UInt64>(MonotonicClock.now())
    /// What the kernel's tables could not take, if anything: shown by `myelinctl status`.
    package private(set) var kernelFailure: String?
    /// How long the last snapshot took.
    package private(set) var times = SnapshotTimes()
    /// Why services have no virtual address, if so.
    package private(set) var addressFailure: String?

    /// - Parameter direct: whether permitted flows between two workloads of this node may go without the daemon.
    package init(_ parts: Parts, builder: SnapshotBuilder, virtualAddresses: VirtualAddresses, direct: Bool, log: Logger) {
        self.parts = parts
        self.builder = builder
        self.virtualAddresses = virtualAddresses
        self.direct = direct
        self.log = log
        snapshot = builder.build(generation: 0, addresses: [:])
        (wakes, wakeUp) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    package func apply(registry: RegistryState) {
        builder.registry = registry
        isDirty = true
        wakeUp.yield()
    }

    package func apply(policy: PolicySet) {
        builder.policy = policy
        isDirty = true
        wakeUp.yield()
    }

    /// Something may have changed: certificates, for example.
    package nonisolated func wake() { wakeUp.yield() }

    package var registry: RegistryState { builder.registry }
    package var policy: PolicySet { builder.policy }
    package var workloads: [EnrolledWorkload] { builder.workloads }

    /// Until cancelled.
    package func run() async {
        let ticks = Task { [wakeUp] in
            while !Task.isCancelled {
                wakeUp.yield()
                do { try await Task.sleep(for: Self.interval) } catch { return }
            }
        }
        await withTaskCancellationHandler {
            for await _ in wakes { await pass() }
        } onCancel: {
            ticks.cancel()
            wakeUp.finish()
        }
    }

    /// One pass. Must not run twice at a time: only the start and then `run()` call it.
    package func pass() async {
        defer { passedAt.store(MonotonicClock.now(), ordering: .relaxed) }
        let policy = builder.policy
        let wanted = builder.registry.workloads(of: builder.node.name).map { workload in
            Enrolment.Wanted(
                workload: workload, service: builder.numbers.number(of: workload.service), permissive: policy.isPermissive(workload.service)
            )
        }
        if await parts.enrolment.reconcile(wanted) { isDirty = true }
        builder.workloads = await parts.enrolment.workloads
        parts.dataPlane.divideShares(workloads: builder.workloads.count)
        await parts.identities.ensure(Set(builder.workloads.map(\.workload.service)))
        let credentials = await parts.identities.credentials()
        let revoked = await parts.identities.revoked()
        if revoked != builder.revoked { isDirty = true }
        builder.revoked = revoked
        if !same(credentials, published) { isDirty = true }
        guard isDirty else {
            if looksAgain { await endWithdrawn() }
            return
        }
        isDirty = false
        await publish(credentials)
    }

    private func same(_ left: [ServiceIdentity: TLSCredential], _ right: [ServiceIdentity: TLSCredential]) -> Bool {
        left.count == right.count && left.allSatisfy { right[$0.key] === $0.value }
    }

    /// Workers adopt a snapshot before the kernel sends them connections that only it explains. They decide again on every flow that
    /// they see, so a refusal counts from their adoption on.
    private func publish(_ credentials: [ServiceIdentity: TLSCredential]) async {
        generation += 1
        builder.credentials = credentials
        published = credentials
        let begun = ContinuousClock.now
        assignAddresses()
        let snapshot = builder.build(generation: generation, addresses: virtualAddresses.assigned)
        retired.append(self.snapshot)
        self.snapshot = snapshot
        let built = ContinuousClock.now
        parts.dataPlane.publish(snapshot)
        parts.names.publish(snapshot)
        let tables = KernelTables(snapshot, workloads: builder.workloads, direct: direct)
        if await isAdopted(snapshot.generation) { retired.removeAll() }
        let adopted = ContinuousClock.now
        writeKernelTables(tables)
        let permits = DirectPermits(tables)
        let isWithdrawn = directPermits.map { !$0.isContained(in: permits) } ?? true
        directPermits = permits
        if isWithdrawn || looksAgain {
            await endWithdrawn()
            looksAgain = isWithdrawn
        }
        times = SnapshotTimes(build: built - begun, adoption: adopted - built, kernelTables: ContinuousClock.now - adopted)
        log.info(
            "snapshot published",
            metadata: [
                "generation": "\(snapshot.generation)", "services": "\(snapshot.allServices.count)", "build": "\(times.build)",
                "adoption": "\(times.adoption)", "kernel_tables": "\(times.kernelTables)",
            ])
    }

    /// Waits for the workers, within bounds. - Returns: whether all have adopted the generation.
    private func isAdopted(_ generation: UInt64) async -> Bool {
        let deadline = ContinuousClock.now + Self.adoptionTimeout
        while parts.dataPlane.adoptedGenerations.contains(where: { $0 < generation }) {
            guard ContinuousClock.now < deadline else { return false }
            try? await Task.sleep(for: .milliseconds(1))
        }
        return true
    }

    private func assignAddresses() {
        do throws(VirtualAddressFailure) {
            try virtualAddresses.assign(builder.registry.services.map(\.identity))
            addressFailure = nil
        } catch {
            addressFailure = "\(error)"
            log.error("virtual addresses", metadata: ["error": "\(error)"])
        }
    }

    /// Direct connections that the present rules do not permit end by their sockets.
    private func endWithdrawn() async {
        looksAgain = false
        let ending = parts.capture.directFlows().compactMap { flow in
            let reason = DirectPermits.refusal(of: flow, in: snapshot)
            return reason == .none ? nil : (flow: flow, reason: reason)
        }
        guard !ending.isEmpty else { return }
        parts.withdrawn.note(ending)
        let ended = await parts.enrolment.end(ending.map(\.flow))
        log.notice("direct connections ended: no longer permitted", metadata: ["found": "\(ending.count)", "ended": "\(ended)"])
    }

    private func writeKernelTables(_ tables: KernelTables) {
        do throws(KernelError) {
            try parts.capture.reconcile(verdicts: tables.verdicts)
            try parts.capture.reconcile(localEndpoints: tables.localEndpoints)
            try parts.capture.reconcile(nodePorts: tables.nodePorts)
            try parts.capture.reconcile(destinations: tables.destinations)
            kernelFailure = nil
        } catch {
            kernelFailure = error.description
            log.error("kernel tables", metadata: ["error": "\(error)"])
        }
    }
}
