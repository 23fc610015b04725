internal import Logging
package import MeshBPF
internal import MeshDataPlane
internal import MeshSystem
package import MeshTypes

/// Brings the workloads of this node under capture, and lets them go.
///
/// Closed at every step: the guard and the listeners come first, then the cgroup becomes known (until then its sockets are refused),
/// last the connections that existed before are ended.
package actor Enrolment {
    /// Every so many passes the workloads that are captured already are looked at again: addresses come and go.
    private static let passesPerRefresh = 10

    private let capture: Capture
    private let cgroupRoot: String
    private let log: Logger
    private var enrolled: [Workload: EnrolledWorkload] = [:]
    private var namespaces: MeshedNamespaces
    private var closed: ClosedCgroups
    /// Wanted workloads of the node's namespace whose cgroup is gone for the moment: the namespace stays ready for them.
    private var resting: Set<Workload> = []
    private var nextWorkload: UInt32
    private var passes = 0

    /// A wanted workload that is not captured yet, and why.
    package struct Pending: Sendable, Equatable {
        package let workload: Workload
        package let reason: String
    }

    /// What a pass is told of a workload beyond itself.
    package struct Wanted: Sendable {
        package let workload: Workload
        /// nil if there are more services than numbers.
        package let service: ServiceID?
        /// Plaintext into the service is accepted (`mTLS: permissive`).
        package let permissive: Bool

        package init(workload: Workload, service: ServiceID?, permissive: Bool) {
            self.workload = workload
            self.service = service
            self.permissive = permissive
        }
    }

    package private(set) var pending: [Pending] = []

    /// Ports of the mesh's own that somebody else has.
    package var squatted: [(workload: Workload, address: SocketAddress)] { namespaces.squatted }

    init(
        capture: Capture, dataPlane: DataPlane, names: NameServer, kept: KeptSockets, closed: ClosedCgroups, cgroupRoot: String, log: Logger
    ) {
        self.closed = closed
        self.capture = capture
        self.cgroupRoot = cgroupRoot
        self.log = log
        namespaces = MeshedNamespaces(capture: capture, dataPlane: dataPlane, names: names, kept: kept)
        // Numbers of a daemon before this one may still be in the kernel's tables.
        nextWorkload = capture.greatestWorkload + 1
    }

    package var workloads: [EnrolledWorkload] { enrolled.values.sorted { $0.id.rawValue < $1.id.rawValue } }

    /// Makes the captured workloads equal to `wanted` as far as their cgroups and namespaces exist.
    ///
    /// - Returns: whether anything changed.
    package func reconcile(_ wanted: [Wanted]) -> Bool {
        let before = enrolled
        passes += 1
        let names = Set(wanted.map(\.workload))
        for (workload, entry) in enrolled {
            if !names.contains(workload) { withdraw(workload) } else if !exists(entry) { rest(workload) }
        }
        for workload in resting where !names.contains(workload) {
            resting.remove(workload)
            namespaces.leave(workload)
        }
        let waiting = wanted.compactMap(enrol)
        for new in waiting where !pending.contains(new) {
            log.notice("workload not captured yet", metadata: ["cgroup": "\(new.workload.cgroup)", "reason": "\(new.reason)"])
        }
        pending = waiting
        close(wanted)
        return before != enrolled
    }

    /// Cgroups that a daemon before this one entered and that nobody wants any more are forgotten: closed.
    package func forgetStrangers() {
        let known = Set(enrolled.values.map(\.cgroup))
        for cgroup in capture.workloads().keys where !known.contains(cgroup) {
            // One whose cgroup was made anew while no daemon ran left it behind: what its processes handed on is the service's still.
            try? capture.removeWorkload(cgroup: cgroup, isGone: !ControlGroup.exists(cgroup, below: cgroupRoot))
        }
        namespaces.forgetStrangers()
    }

    /// Ends direct connections by their sockets: in the caller's namespace, and in that of whoever has the endpoint's address.
    /// - Returns: how many had an end that was ended.
    package func end(_ flows: [DirectFlow]) -> Int {
        var ended = 0
        var seen: Set<NamespaceIndex> = []
        for entry in workloads where !seen.contains(entry.namespace) {
            let callers = Set(workloads.filter { $0.namespace == entry.namespace }.map(\.id))
            let here = flows.filter { callers.contains($0.workload) || entry.addresses.contains($0.endpoint.ip) }
            guard !here.isEmpty else { continue }
            do throws(EnrolmentFailure) {
                let namespace = try WorkloadNamespace.open(of: entry.workload, directory(of: entry.workload))
                do throws(KernelError) {
                    ended += try destroySockets(of: here, in: namespace)
                    seen.insert(entry.namespace)
                } catch { throw EnrolmentFailure(error) }
            } catch {
                // Another workload of the namespace may lead there.
                log.error("end direct connections", metadata: ["cgroup": "\(entry.workload.cgroup)", "reason": "\(error.reason)"])
            }
        }
        return ended
    }

    /// What `capture.closed` and the registry close.
    private func close(_ wanted: [Wanted]) {
        var entries: [String: WorkloadEntry] = [:]
        for want in wanted { entries[want.workload.cgroup] = entry(ofNext: want) }
        do throws(KernelError) {
            try closed.enforce(entries, captured: Set(enrolled.values.map(\.cgroup)))
            closingFailure = nil
        } catch {
            closingFailure = "\(error)"
            log.error("cgroups cannot be closed", metadata: ["error": "\(error)"])
        }
    }

    /// Who the processes are of a cgroup that is made anew at the workload's path. In a pod nobody: its namespace may be a new one too.
    private func entry(ofNext want: Wanted) -> WorkloadEntry {
        let workload = want.workload
        guard workload.sharesNodeNamespace, let service = want.service else { return .closed }
        let id = enrolled[workload]?.id ?? number(ofPath: workload.cgroup, service) ?? newWorkloadID()
        return WorkloadEntry(workload: id, service: service, namespace: .node, sharesNodeNamespace: true, permissive: want.permissive)
    }

    private func number(ofPath path: String, _ service: ServiceID) -> WorkloadID? {
        guard let entry = capture.known(path: path), entry.service == service else { return nil }
        return entry.workload
    }

    /// Why what is to be closed is not, if so.
    package private(set) var closingFailure: String?
    /// The subtrees that `capture.closed` names.
    package var closedSubtrees: [String] { closed.configured }
    /// Paths that only the survey of the daemon closes.
    package var unwatchedPaths: [String] { closed.tooLong }
    /// Devices of pods that lead past the filter, by namespace.
    package var unfilteredDevices: [String] { namespaces.unfiltered.values.sorted() }

    private func exists(_ entry: EnrolledWorkload) -> Bool {
        (try? ControlGroup.id(ofDirectory: directory(of: entry.workload))) == entry.cgroup
    }

    private func directory(of workload: Workload) -> String { cgroupRoot + workload.cgroup }

    private func enrol(_ wanted: Wanted) -> Pending? {
        guard let service = wanted.service else {
            return Pending(workload: wanted.workload, reason: "there are more services than \(ServiceNumbers.maximum)")
        }
        let known = enrolled[wanted.workload]
        if let known, known.permissive == wanted.permissive, passes % Self.passesPerRefresh != 0 { return nil }
        do throws(EnrolmentFailure) {
            try capture(wanted, service: service, known: known)
            return nil
        } catch {
            // A captured workload whose processes have all ended stays captured: the next one starts captured.
            return known == nil ? Pending(workload: wanted.workload, reason: error.reason) : nil
        }
    }

    private func capture(_ wanted: Wanted, service: ServiceID, known: EnrolledWorkload?) throws(EnrolmentFailure) {
        let workload = wanted.workload
        let directory = directory(of: workload)
        let cgroup = try cgroup(directory)
        // The kernel knows a cgroup that is made anew before anybody else does.
        if known?.cgroup != cgroup { capture.adopt(cgroup: cgroup) }
        let namespace = try WorkloadNamespace.open(of: workload, directory)
        let id = known?.id ?? number(ofCgroup: cgroup, service) ?? number(ofPath: workload.cgroup, service) ?? newWorkloadID()
        let occupant = MeshedNamespaces.Occupant(workload: workload, id: id, service: service, permissive: wanted.permissive)
        let home = try namespaces.enter(namespace, occupant)
        let entry = WorkloadEntry(
            workload: id, service: service, namespace: home.index, sharesNodeNamespace: workload.sharesNodeNamespace,
            permissive: wanted.permissive)
        // Connections that a daemon before this one captured go on under its decision.
        let wasCaptured = known != nil || capture.workloads()[cgroup] != nil
        do throws(KernelError) {
            try capture.setWorkload(cgroup: cgroup, entry)
            if !wasCaptured {
                let ended = try destroySockets(ofCgroup: directory, in: namespace, keepLoopback: !workload.sharesNodeNamespace)
                log.info(
                    "workload captured",
                    metadata: ["service": "\(workload.service)", "cgroup": "\(workload.cgroup)", "ended_connections": "\(ended)"])
            }
        } catch { throw EnrolmentFailure(error) }
        resting.remove(workload)
        enrolled[workload] = EnrolledWorkload(
            id: id, workload: workload, service: service, cgroup: cgroup, namespace: home.index, addresses: home.addresses,
            permissive: wanted.permissive)
    }

    /// The one of a daemon before this one: connections and queries that wait for this one carry it.
    private func number(ofCgroup cgroup: UInt64, _ service: ServiceID) -> WorkloadID? {
        guard let entry = capture.workloads()[cgroup], entry.service == service else { return nil }
        return entry.workload
    }

    private func newWorkloadID() -> WorkloadID {
        defer { nextWorkload += 1 }
        return WorkloadID(rawValue: nextWorkload)
    }

    private func cgroup(_ directory: String) throws(EnrolmentFailure) -> UInt64 {
        do throws(SystemError) { return try ControlGroup.id(ofDirectory: directory) } catch { throw EnrolmentFailure(error) }
    }

    /// Its cgroup is gone, and the registry still has it. In the node's namespace its guard and its listeners stay, for the next one.
    private func rest(_ workload: Workload) {
        guard workload.sharesNodeNamespace, let entry = enrolled.removeValue(forKey: workload) else { return withdraw(workload) }
        resting.insert(workload)
        // Before the old cgroup goes, so that what its number stands for is kept.
        if let next = try? ControlGroup.id(ofDirectory: directory(of: workload)) { capture.adopt(cgroup: next) }
        try? capture.removeWorkload(cgroup: entry.cgroup, isGone: true)
        log.info("workload rests", metadata: ["service": "\(workload.service)", "cgroup": "\(workload.cgroup)"])
    }

    /// The cgroup is forgotten first, so that it is closed from then on.
    private func withdraw(_ workload: Workload) {
        let isGone = enrolled[workload].map { !exists($0) } ?? true
        guard let entry = enrolled.removeValue(forKey: workload) else { return }
        try? capture.removeWorkload(cgroup: entry.cgroup, isGone: isGone)
        namespaces.leave(workload)
        log.info("workload released", metadata: ["service": "\(workload.service)", "cgroup": "\(workload.cgroup)"])
    }
}

/// Why a workload cannot be captured.
struct EnrolmentFailure: Error {
    let reason: String

    init(_ reason: String) { self.reason = reason }
    init(_ error: SystemError) { reason = error.description }
    init(_ error: KernelError) { reason = error.description }
}
