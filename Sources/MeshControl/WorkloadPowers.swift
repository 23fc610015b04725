internal import MeshSystem

/// The rights of a process that help it out of the mesh, as /proc tells of them.
package struct WorkloadPowers: Equatable {
    /// Capabilities that it has, and those that a program with more rights than itself would give it.
    package let effective: [String]
    package let obtainable: [String]
    /// It may move itself into another workload's cgroup: root, with a cgroup file system that it can write.
    package let writesCgroups: Bool

    /// Of `CapEff` and `CapBnd`: bits of capabilities(7).
    private static let capabilities: [(name: String, bit: UInt64)] = [("NET_ADMIN", 12), ("NET_RAW", 13), ("SYS_ADMIN", 21)]
    /// Looked at in each workload.
    private static let maximumProcesses = 16

    package init(status: String, mounts: String) {
        var fields: [Substring: Substring] = [:]
        for line in status.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[line[..<colon]] = line[line.index(after: colon)...].drop { $0 == "\t" || $0 == " " }
        }
        func held(_ field: Substring) -> [String] {
            let set = fields[field].flatMap { UInt64($0, radix: 16) } ?? 0
            return Self.capabilities.filter { set >> $0.bit & 1 == 1 }.map(\.name)
        }
        let effective = held("CapEff")
        self.effective = effective
        // Without new privileges the bounding set is out of reach.
        obtainable = fields["NoNewPrivs"] == "1" ? [] : held("CapBnd").filter { !effective.contains($0) }
        let isRoot = fields["Uid"]?.split(separator: "\t").dropFirst().first == "0"
        writesCgroups = isRoot && Self.hasWritableCgroups(mounts)
    }

    /// /proc/PID/mountinfo: `… MOUNTPOINT OPTIONS … - TYPE SOURCE SUPEROPTIONS`; a remount shows in the first options only.
    private static func hasWritableCgroups(_ mounts: String) -> Bool {
        mounts.split(separator: "\n").contains { line in
            let words = line.split(separator: " ")
            guard let dash = words.firstIndex(of: "-"), words.count > dash + 1, dash > 5 else { return false }
            return words[dash + 1] == "cgroup2" && words[5].split(separator: ",").contains("rw")
        }
    }

    /// What to say of it. Where the network is filtered outside of the pod, NET_ADMIN and NET_RAW help nobody out.
    package func described(networkIsFiltered: Bool) -> [String] {
        func counts(_ name: String) -> Bool { name == "SYS_ADMIN" || !networkIsFiltered }
        return effective.filter(counts).map { "has \($0)" } + obtainable.filter(counts).map { "could get \($0)" }
            + (writesCgroups ? ["can write cgroups"] : [])
    }

    /// Of the first processes in a cgroup, each said once.
    static func survey(of cgroup: String, networkIsFiltered: Bool) -> [String] {
        let mount = ControlGroup.mountPoint() ?? ""
        guard let processes = try? ControlGroup.processes(inDirectory: mount + cgroup) else { return [] }
        var said: [String] = []
        for process in processes.prefix(maximumProcesses) {
            guard let status = try? readText("/proc/\(process)/status"), let mounts = try? readText("/proc/\(process)/mountinfo") else {
                continue
            }
            let powers = WorkloadPowers(status: status, mounts: mounts)
            for text in powers.described(networkIsFiltered: networkIsFiltered) where !said.contains(text) { said.append(text) }
        }
        return said
    }
}
