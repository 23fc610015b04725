internal import CLinux
internal import Glibc

/// cgroup v2: where it is mounted, and the ids that the kernel programs see.
package enum ControlGroup {
    /// The mount point of cgroup v2, from /proc/self/mounts: `/sys/fs/cgroup` or, in hybrid set-ups, `…/unified`; nil if there is none.
    package static func mountPoint() -> String? {
        guard let mounts = try? readText("/proc/self/mounts") else { return nil }
        for line in mounts.split(separator: "\n") {
            let fields = line.split(separator: " ")
            if fields.count > 2, fields[2] == "cgroup2" { return String(fields[1]) }
        }
        return nil
    }

    /// The id that `bpf_get_current_cgroup_id` reports: the directory's inode number.
    package static func id(ofDirectory path: String) throws(SystemError) -> UInt64 {
        var status = stat()
        try checked("stat", on: path) { stat(path, &status) }
        return UInt64(status.st_ino)
    }

    /// The processes in it (not in its children).
    package static func processes(inDirectory path: String) throws(SystemError) -> [Int32] {
        try readText(path + "/cgroup.procs").split(separator: "\n").compactMap { Int32($0) }
    }
}

/// A whole small file of /proc, /sys or cgroup as text.
package func readText(_ path: String) throws(SystemError) -> String {
    let file = try FileDescriptor.open(path)
    let raw = file.raw
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16384)
    while true {
        let count = try checked("read", on: path) { read(raw, &chunk, chunk.count) }
        if count == 0 { break }
        bytes.append(contentsOf: chunk[..<Int(count)])
    }
    return String(decoding: bytes, as: UTF8.self)
}

extension ControlGroup {
    /// The calling process's cgroup, below the cgroup v2 mount, with a leading slash; nil without cgroup v2.
    package static func own() -> String? {
        (try? readText("/proc/self/cgroup")).flatMap(path(in:))
    }

    /// The id of the cgroup of process 1, which makes the sockets of socket activation; nil without cgroup v2.
    package static func ofServiceManager() -> UInt64? {
        guard let mount = mountPoint(), let text = try? readText("/proc/1/cgroup"), let path = path(in: text) else { return nil }
        return try? id(ofDirectory: mount + path)
    }

    /// What a /proc/PID/cgroup says of cgroup v2.
    static func path(in text: String) -> String? {
        for line in text.split(separator: "\n") where line.hasPrefix("0::") { return String(line.dropFirst(3)) }
        return nil
    }
}

extension ControlGroup {
    /// Whether a cgroup with that id is `directory` or lies below it.
    package static func exists(_ wanted: UInt64, below directory: String) -> Bool {
        if (try? id(ofDirectory: directory)) == wanted { return true }
        return children(ofDirectory: directory).contains { exists(wanted, below: directory + "/" + $0) }
    }

    /// The names of the cgroups directly below, in order; none when it is gone.
    package static func children(ofDirectory path: String) -> [String] {
        guard let stream = opendir(path) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            guard entry.pointee.d_type == UInt8(DT_DIR) else { continue }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                tuple.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}
