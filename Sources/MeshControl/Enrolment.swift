internal import Glibc
internal import Logging
package import MeshBPF
package import MeshDataPlane
package import MeshSystem
package import MeshTypes

/// Brings the workloads of this node under capture, and lets them go.
///
/// Closed at every step: the guard and the listeners come first, then the cgroup becomes known (until then its sockets are refused),
/// last the connections that existed before are ended.
package actor Enrolment {
    private let capture: Capture
    private let dataPlane: DataPlane
    private let names: NameServer
    private let cgroupRoot: String
    private let log: Logger
    private var enrolled: [Workload: EnrolledWorkload] = [:]
    private var namespaces: [NetworkNamespace.Identity: OpenNamespace] = [:]
    private var nextWorkload: UInt32 = 1
    private var freeNamespaces: [UInt32] = []
    private var nextNamespace: UInt32 = 1

    /// A wanted workload that is not captured yet, and why.
    package struct Pending: Sendable, Equatable {
        package let workload: Workload
        package let reason: String
    }

    package private(set) var pending: [Pending] = []

    /// A namespace under capture, and how many workloads are in it.
    private struct OpenNamespace {
        let index: NamespaceIndex
        let addresses: Set<IPAddress>
        var workloads: Int
        var permissive: Bool
    }

    package init(capture: Capture, dataPlane: DataPlane, names: NameServer, cgroupRoot: String, log: Logger) {
        self.capture = capture
        self.dataPlane = dataPlane
        self.names = names
        self.cgroupRoot = cgroupRoot
        self.log = log
    }

    package var workloads: [EnrolledWorkload] { enrolled.values.sorted { $0.id.rawValue < $1.id.rawValue } }

    /// Makes the captured workloads equal to `wanted` as far as their cgroups and namespaces exist.
    ///
    /// - Parameters:
    ///   - number: the number of a service, nil if there are too many.
    ///   - permissive: whether plaintext into a service is accepted (`mTLS: permissive`).
    /// - Returns: whether anything changed.
    package func reconcile(
        _ wanted: [Workload], number: (ServiceIdentity) -> ServiceID?, permissive: (ServiceIdentity) -> Bool
    ) -> Bool {
        let before = enrolled
        var waiting: [Pending] = []
        for (workload, entry) in enrolled where !wanted.contains(workload) || !exists(entry) { withdraw(workload) }
        for workload in wanted {
            guard let service = number(workload.service) else {
                waiting.append(Pending(workload: workload, reason: "more services than \(ServiceNumbers.maximum)"))
                continue
            }
            do {
                try enrol(workload, service: service, permissive: permissive(workload.service))
            } catch {
                waiting.append(Pending(workload: workload, reason: error.reason))
            }
        }
        for new in waiting where !pending.contains(new) {
            log.notice("workload not captured yet", metadata: ["cgroup": "\(new.workload.cgroup)", "reason": "\(new.reason)"])
        }
        pending = waiting
        return before != enrolled
    }

    /// Why a workload cannot be captured.
    private struct EnrolmentFailure: Error {
        let reason: String
        init(_ error: SystemError) { reason = error.description }
        init(_ error: KernelError) { reason = error.description }
        init(_ reason: String) { self.reason = reason }
    }

    private func exists(_ entry: EnrolledWorkload) -> Bool {
        (try? ControlGroup.id(ofDirectory: directory(of: entry.workload))) == entry.cgroup
    }

    private func directory(of workload: Workload) -> String { cgroupRoot + workload.cgroup }

    private func enrol(
        _ workload: Workload, service: ServiceID, permissive: Bool
    ) throws(EnrolmentFailure) {
        let directory = directory(of: workload)
        let cgroup: UInt64
        let known = enrolled[workload]
        do throws(SystemError) {
            cgroup = try ControlGroup.id(ofDirectory: directory)
        } catch { throw EnrolmentFailure(error) }
        let id = known?.id ?? newWorkloadID()
        let namespace: NetworkNamespace
        do throws(SystemError) {
            namespace = try NetworkNamespace(path: try namespacePath(of: workload, directory: directory))
        } catch {
            // A captured workload whose processes have all ended stays captured: the next one starts captured.
            if known != nil { return }
            throw EnrolmentFailure(error)
        }
        let opened = try open(namespace, for: workload, id: id, service: service, permissive: permissive, isNew: known == nil)
        let entry = EnrolledWorkload(
            id: id, workload: workload, cgroup: cgroup, namespace: opened.index, addresses: opened.addresses)
        do throws(KernelError) {
            try capture.setWorkload(
                cgroup: cgroup,
                WorkloadEntry(
                    workload: id, service: service, namespace: opened.index,
                    sharesNodeNamespace: workload.sharesNodeNamespace, permissive: permissive))
            if known == nil {
                let ended = try capture.destroySockets(
                    ofCgroup: directory, in: namespace, keepLoopback: !workload.sharesNodeNamespace)
                log.info(
                    "workload captured",
                    metadata: ["service": "\(workload.service)", "cgroup": "\(workload.cgroup)", "ended_connections": "\(ended)"])
            }
        } catch { throw EnrolmentFailure(error) }
        enrolled[workload] = entry
    }

    private func newWorkloadID() -> WorkloadID {
        defer { nextWorkload += 1 }
        return WorkloadID(rawValue: nextWorkload)
    }

    private func namespacePath(of workload: Workload, directory: String) throws(SystemError) -> String {
        if let path = workload.networkNamespace { return path }
        if workload.sharesNodeNamespace { return "/proc/thread-self/ns/net" }
        guard let process = try ControlGroup.processes(inDirectory: directory).first else {
            throw SystemError("find its network namespace", code: ESRCH, subject: directory)
        }
        return "/proc/\(process)/ns/net"
    }

    /// Readies a namespace on its first workload; later ones share it.
    private func open(
        _ namespace: borrowing NetworkNamespace, for workload: Workload, id: WorkloadID, service: ServiceID,
        permissive: Bool, isNew: Bool
    ) throws(EnrolmentFailure) -> OpenNamespace {
        do throws(SystemError) {
            let identity = try namespace.identity()
            if var open = namespaces[identity] {
                if isNew { open.workloads += 1 }
                if open.permissive != permissive, open.index != .node {
                    try changeGuard(namespace, open.index, .pod(workload: id, service: service), permissive)
                    open.permissive = permissive
                }
                namespaces[identity] = open
                return open
            }
            let index = workload.sharesNodeNamespace ? NamespaceIndex.node : takeNamespaceIndex()
            let opened = try ready(namespace, index, workload, id, service, permissive)
            namespaces[identity] = opened
            return opened
        } catch { throw EnrolmentFailure(error) }
    }

    private func takeNamespaceIndex() -> NamespaceIndex {
        if let free = freeNamespaces.popLast() { return NamespaceIndex(rawValue: free) }
        defer { nextNamespace += 1 }
        return NamespaceIndex(rawValue: nextNamespace)
    }

    private func ready(
        _ namespace: borrowing NetworkNamespace, _ index: NamespaceIndex, _ workload: Workload, _ id: WorkloadID,
        _ service: ServiceID, _ permissive: Bool
    ) throws(SystemError) -> OpenNamespace {
        do throws(KernelError) {
            try Capture.prepareNamespace(namespace)
        } catch { throw SystemError("ready namespace", code: error.code, subject: error.operation) }
        let kind: GuardKind = workload.sharesNodeNamespace ? .node : .pod(workload: id, service: service)
        try changeGuard(namespace, index, kind, permissive)
        let sockets = try NamespaceSockets(in: namespace)
        let addresses = sockets.addresses
        do throws(KernelError) {
            try capture.setListeners(namespace: index, v4: sockets.listener4, v6: sockets.listener6)
        } catch { throw SystemError("enter listeners", code: error.code, subject: error.operation) }
        try sockets.handOver(to: dataPlane, names: names, as: index, namespace: namespace)
        return OpenNamespace(index: index, addresses: addresses, workloads: 1, permissive: permissive)
    }

    private func changeGuard(
        _ namespace: borrowing NetworkNamespace, _ index: NamespaceIndex, _ kind: GuardKind, _ permissive: Bool
    ) throws(SystemError) {
        do throws(KernelError) {
            try capture.guard(namespace: namespace, index: index, kind: kind, permissive: permissive)
        } catch { throw SystemError("guard namespace", code: error.code, subject: error.operation) }
    }

    /// The cgroup is forgotten first, so that it is closed from then on.
    private func withdraw(_ workload: Workload) {
        guard let entry = enrolled.removeValue(forKey: workload) else { return }
        try? capture.removeWorkload(cgroup: entry.cgroup)
        log.info("workload released", metadata: ["service": "\(workload.service)", "cgroup": "\(workload.cgroup)"])
        guard let (identity, open) = namespaces.first(where: { $0.value.index == entry.namespace }) else { return }
        if open.workloads > 1 {
            namespaces[identity]?.workloads -= 1
            return
        }
        namespaces[identity] = nil
        dataPlane.release(open.index)
        names.release(open.index)
        capture.unguard(open.index)
        if open.index != .node { freeNamespaces.append(open.index.rawValue) }
    }
}
