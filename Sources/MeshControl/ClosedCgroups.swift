internal import Foundation
internal import MeshBPF
internal import MeshSystem

/// The cgroups where nobody unknown may do anything, whatever `capture.unknown` says: whole subtrees that the operator names, and the path
/// of each workload of the registry, so that a unit that starts anew is closed, or has its identity, before its first process runs.
struct ClosedCgroups {
    let configured: [String]
    private let capture: Capture
    private let root: String
    private let memory: ClosedPaths
    /// Paths that are longer than the kernel programs compare: they are closed by the daemon's survey only.
    private(set) var tooLong: [String] = []

    /// - Parameters:
    ///   - root: the mount of cgroup v2.
    ///   - configured: paths below it.
    init(capture: Capture, root: String, configured: [String], memory: ClosedPaths) {
        self.capture = capture
        self.root = root
        self.configured = configured
        self.memory = memory
    }

    /// The paths first, then what is there: a cgroup that is made in between is entered by the kernel.
    ///
    /// - Parameters:
    ///   - workloads: what a cgroup that is made at a workload's path is.
    ///   - captured: cgroups that have an identity.
    mutating func enforce(_ workloads: [String: WorkloadEntry], captured: Set<UInt64>) throws(KernelError) {
        var paths: [String: KnownCgroup] = [:]
        for path in configured { paths[path] = KnownCgroup(.closed, cgroup: id(path) ?? 0) }
        for (path, entry) in workloads { paths[path] = KnownCgroup(entry, cgroup: id(path) ?? 0) }
        tooLong = try capture.reconcile(paths: paths)
        try capture.reconcile(closed: Set(paths.keys.compactMap(id)).subtracting(captured))
        memory.store(workloads.keys.sorted())
    }

    private func id(_ path: String) -> UInt64? { try? ControlGroup.id(ofDirectory: root + path) }
}

/// The paths of workloads as the last daemon knew them, for the time after a boot before there is one.
final class ClosedPaths {
    private let file: String
    private var stored: [String]?

    init(file: String) { self.file = file }

    func load() -> [String] {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { return [] }
        return text.split(separator: "\n").map(String.init).filter { $0.hasPrefix("/") }
    }

    /// A file that cannot be written costs nothing while the machine runs; the registry's files tell most of it.
    func store(_ paths: [String]) {
        guard paths != stored else { return }
        let text = paths.map { $0 + "\n" }.joined()
        if (try? Data(text.utf8).write(to: URL(fileURLWithPath: file), options: .atomic)) != nil { stored = paths }
    }
}
