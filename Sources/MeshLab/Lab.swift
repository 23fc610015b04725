internal import Foundation
internal import Synchronization

/// Several nodes on this machine: real namespaces, cgroups, daemons and unmodified programs. Needs root. All calls block.
///
/// Nothing goes by itself: `lower()` removes it, or `Lab.lower(name:)` from another process, also after a crash.
package final class Lab: Sendable {
    package let plan: LabPlan
    package let binaries: Binaries
    let places: LabPlaces
    /// Processes that this process started and has to wait for.
    private let children = Mutex<[Int32]>([])

    package var name: String { plan.name }
    package var nodes: [LabNode] { plan.nodes }
    package var workloads: [Workload] { plan.workloads }
    /// The laboratory's directory below /run.
    package var directory: String { places.directory }

    private init(plan: LabPlan, binaries: Binaries) throws(LabError) {
        self.plan = plan
        self.binaries = binaries
        places = try LabPlaces(plan.name)
    }

    private struct Description: Codable {
        var topology: Topology
        var binaries: Binaries
    }

    /// Makes networks, cgroups, documents and starts the services; no daemon yet (`startDaemons()`). A laboratory of that name is
    /// lowered before; what was made is removed when something fails.
    package static func raise(_ topology: Topology, name: String, binaries: Binaries = .beside()) throws(LabError) -> Lab {
        guard geteuid() == 0 else { throw LabError("a laboratory needs root") }
        let lab = try Lab(plan: LabPlan(name: name, topology: topology), binaries: binaries)
        try lower(name: name)
        do {
            try lab.build()
        } catch {
            try? lower(name: name)
            throw error
        }
        return lab
    }

    /// The laboratory that another process raised.
    package static func open(_ name: String) throws(LabError) -> Lab {
        let file = try LabPlaces(name).description
        guard let data = FileManager.default.contents(atPath: file) else { throw LabError("there is no laboratory \"\(name)\"") }
        let description: Description
        do { description = try JSONDecoder().decode(Description.self, from: data) } catch {
            throw LabError("\(file) is damaged", "\(error)")
        }
        return try Lab(plan: LabPlan(name: name, topology: description.topology), binaries: description.binaries)
    }

    /// The names of the laboratories that are up, or left behind.
    package static func list() -> [String] {
        var names = Set((try? FileManager.default.contentsOfDirectory(atPath: LabPlaces.runRoot)) ?? [])
        let spaces = (try? FileManager.default.contentsOfDirectory(atPath: "/run/netns")) ?? []
        for space in spaces where space.hasPrefix("myl-") {
            names.insert(String(space.dropFirst(4).prefix { $0 != "-" }))
        }
        return names.filter { (try? LabPlaces($0)) != nil }.sorted()
    }

    package func node(_ name: String) -> LabNode { plan.node(name) }

    /// The instance `index` of a service; on `node`, the first there.
    package func workload(_ service: String, _ index: Int = 0) -> Workload {
        plan.workloads.first { $0.service == service && $0.index == index }!
    }

    package func workload(_ service: String, on node: String) -> Workload {
        plan.workloads.first { $0.service == service && $0.node == node }!
    }

    private func build() throws(LabError) {
        try Documents.makeDirectory(places.directory)
        let json: Data
        do {
            json = try JSONEncoder().encode(Description(topology: plan.topology, binaries: binaries))
        } catch { throw LabError("cannot describe the laboratory", "\(error)") }
        try Documents.write(String(decoding: json, as: UTF8.self), to: places.description)
        for group in [places.tools, places.unmeshed] { try Documents.makeDirectory(group) }
        let documents = NodeDocuments(plan: plan, places: places, binaries: binaries)
        for node in plan.nodes {
            for part in ["daemon", "workloads", "outside"] { try Documents.makeDirectory(node.cgroup + "/" + part) }
            try documents.write(for: node)
            for namespace in [node.namespace, node.outsideNamespace] { try documents.writeResolver(namespace: namespace, node: node) }
        }
        for workload in plan.workloads {
            try Documents.makeDirectory(workload.cgroup)
            if !workload.isHost { try documents.writeResolver(namespace: workload.namespace, node: plan.node(workload.node)) }
        }
        try LabNetwork(plan: plan, places: places).raise()
        for workload in plan.workloads { try startService(workload) }
        for workload in plan.workloads where plan.service(workload.service).listens {
            try awaitService(workload, timeout: Self.serviceStart)
        }
    }

    /// How long a service may take until it listens; the machine may be busy with other laboratories.
    private static let serviceStart = Duration.seconds(30)

    /// Starts the service's own program in the workload's place, also after `stopService`.
    package func startService(_ workload: Workload) throws(LabError) {
        let directory = serviceDirectory(workload)
        try Documents.makeDirectory(directory)
        let command = try ServiceProgram(
            workload: workload, service: plan.service(workload.service), directory: directory, load: binaries.load
        ).prepare()
        _ = try start(command, in: Placement(cgroup: workload.cgroup, namespace: .pod(workload.namespace)), log: directory + "/output.log")
    }

    /// Files of the workload's program.
    func serviceDirectory(_ workload: Workload) -> String { "\(places.directory)/\(workload.node)/services/\(workload.name)" }

    /// Ends every process of the workload.
    package func stopService(_ workload: Workload) throws(LabError) {
        try ControlGroupTree(workload.cgroup).killAll()
        reapChildren()
    }

    /// Waits until the workload's port is listened on.
    package func awaitService(_ workload: Workload, timeout: Duration) throws(LabError) {
        let deadline = ContinuousClock.now + timeout
        let place = Placement(cgroup: places.tools, namespace: .networkOnly(workload.namespace))
        while true {
            let found = try ChildProcess.run(["ss", "-Hltn", "sport = :\(workload.port)"], in: place, timeout: .seconds(5))
            if found.succeeded, !found.output.isEmpty { return }
            guard ContinuousClock.now < deadline else {
                let log = "\(places.directory)/\(workload.node)/services/\(workload.name)/output.log"
                let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
                throw LabError("\(workload) does not listen on port \(workload.port)", String(text.suffix(500)))
            }
            usleep(20_000)
        }
    }

    func start(_ command: [String], in place: Placement, log: String, environment: [String: String] = [:]) throws(LabError) -> ChildProcess
    {
        let child = try ChildProcess(command, in: place, log: log, environment: environment)
        children.withLock { $0.append(child.pid) }
        return child
    }

    /// Takes the exit statuses of what has ended, so that no zombie stays.
    func reapChildren() {
        children.withLock { pids in pids.removeAll { waitpid($0, nil, WNOHANG) != 0 } }
    }

    /// Removes the laboratory. Afterwards this object is of no use.
    package func lower() throws(LabError) {
        try Self.lower(name: name)
        reapChildren()
    }
}
