internal import Foundation
internal import MeshSystem

extension Lab {
    /// Who calls from a node's `outside` namespace.
    package enum Outsider: Sendable {
        /// A machine without a mesh: its cgroup is no node's.
        case unmeshed
        /// A process of the node that no registry knows.
        case unknown
    }

    /// Runs a command in a workload's namespace and cgroup, with its identity therefore, to its end.
    package func run(
        in workload: Workload, _ command: [String], timeout: Duration = .seconds(30)
    ) throws(LabError) -> CommandResult {
        try ChildProcess.run(command, in: Placement(cgroup: workload.cgroup, namespace: .pod(workload.namespace)), timeout: timeout)
    }

    /// Runs a command in the node's pod `outside` to its end.
    package func runOutside(
        _ node: LabNode, as outsider: Outsider = .unmeshed, _ command: [String], timeout: Duration = .seconds(30)
    ) throws(LabError) -> CommandResult {
        let cgroup: String
        switch outsider {
        case .unmeshed: cgroup = places.unmeshed
        case .unknown: cgroup = node.cgroup + "/outside"
        }
        return try ChildProcess.run(command, in: Placement(cgroup: cgroup, namespace: .pod(node.outsideNamespace)), timeout: timeout)
    }

    /// Where an attacker sits: always as `nobody`, without a capability and without a way to one (`no_new_privs`).
    package enum Foothold: Sendable {
        /// In a workload, with its identity.
        case workload(Workload)
        /// In the node's namespace, in a captured cgroup that no registry names.
        case unknown(LabNode)
        /// In the node's namespace, in a cgroup outside of `capture.cgroup`.
        case uncaptured(LabNode)
    }

    /// Runs a command as an attacker would, to its end.
    package func attack(from foothold: Foothold, _ command: [String], timeout: Duration = .seconds(30)) throws(LabError) -> CommandResult {
        try ChildProcess.run(Self.powerless + command, in: place(of: foothold), timeout: timeout)
    }

    /// Starts an attacker's program; `end()` it. It goes with the laboratory at the latest.
    /// - Returns: the process and the file that takes its output.
    package func spawnAttacker(in foothold: Foothold, _ command: [String]) throws(LabError) -> (process: ChildProcess, output: String) {
        let log = "\(directory)/attacker-\(UUID().uuidString).log"
        return (try start(Self.powerless + command, in: place(of: foothold), log: log), log)
    }

    private static let powerless = [
        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--",
    ]

    private func place(of foothold: Foothold) -> Placement {
        switch foothold {
        case .workload(let workload): Placement(cgroup: workload.cgroup, namespace: .pod(workload.namespace))
        case .unknown(let node): Placement(cgroup: node.cgroup + "/outside", namespace: .networkOnly(node.namespace))
        case .uncaptured(let node): Placement(cgroup: places.unmeshed, namespace: .networkOnly(node.namespace))
        }
    }

    /// Runs a command in a node's namespace as the laboratory's own tool: uncaptured, without an identity.
    package func runOnNode(_ node: LabNode, _ command: [String], timeout: Duration = .seconds(30)) throws(LabError) -> CommandResult {
        try ChildProcess.run(command, in: Placement(cgroup: places.tools, namespace: .networkOnly(node.namespace)), timeout: timeout)
    }

    /// The workload's processes.
    package func processes(of workload: Workload) -> [Int32] { (try? ControlGroup.processes(inDirectory: workload.cgroup)) ?? [] }

    /// Starts a program beside the service's own, in the same namespace and cgroup. It goes with the laboratory at the latest.
    /// - Returns: the process and the file that takes its output.
    package func spawn(in workload: Workload, _ command: [String]) throws(LabError) -> (process: ChildProcess, output: String) {
        let log = "\(directory)/\(workload.node)/services/\(workload.name)/spawned-\(UUID().uuidString).log"
        let place = Placement(cgroup: workload.cgroup, namespace: .pod(workload.namespace))
        return (try start(command, in: place, log: log), log)
    }

    /// Replaces this process by an interactive program of the workload; returns only when that fails.
    package func become(_ workload: Workload, _ command: [String]) throws(LabError) -> Never {
        let words = Placement(cgroup: workload.cgroup, namespace: .pod(workload.namespace)).arguments(command)
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        execvp(words[0], &arguments)
        throw LabError("cannot execute \(words[0])", String(cString: strerror(errno)))
    }

    /// curl from a workload: the answer's body, or curl's error as output. Follows nothing, takes at most `timeout`.
    package func curl(
        from workload: Workload, _ url: String, _ options: [String] = [], timeout: Duration = .seconds(5)
    ) throws(LabError) -> CommandResult {
        let seconds = max(1, Int(timeout.components.seconds))
        return try run(
            in: workload, ["curl", "-sS", "--noproxy", "*", "--max-time", String(seconds)] + options + [url], timeout: timeout + .seconds(5)
        )
    }

    /// Captures what passes between the nodes until `stop()`.
    package func capturePackets(filter: String = "") throws(LabError) -> PacketCapture { try PacketCapture(places: places, filter: filter) }

    /// Replaces one service's policy file on one node, or on all; nil removes it.
    package func write(policy: String?, of service: String, on node: LabNode? = nil) throws(LabError) {
        for target in node.map({ [$0] }) ?? nodes {
            let file = "\(target.policyDirectory)/\(service).yaml"
            if let policy { try Documents.write(policy, to: file) } else { unlink(file) }
        }
    }

    /// Replaces the registry on one node, or on all, by these instances.
    package func write(registry workloads: [Workload], on node: LabNode? = nil) throws(LabError) {
        let text = NodeDocuments(plan: plan, places: places, binaries: binaries).registry(workloads: workloads)
        for target in node.map({ [$0] }) ?? nodes { try Documents.write(text, to: target.registryDirectory + "/lab.yaml") }
    }

    /// Replaces a file of a node's registry by a text of the caller's.
    package func write(registryText text: String, file: String = "lab.yaml", on node: LabNode) throws(LabError) {
        try Documents.write(text, to: node.registryDirectory + "/" + file)
    }
}
