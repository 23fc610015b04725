internal import CMyelinABI

/// What a cgroup that is made at a path is from its first process on, and the id that the path has now.
package struct KnownCgroup: KernelLayout {
    package let entry: WorkloadEntry
    /// 0: there is no cgroup at the path, as far as is known. The kernel programs write it too.
    package let cgroup: UInt64

    package init(_ entry: WorkloadEntry, cgroup: UInt64) {
        self.entry = entry
        self.cgroup = cgroup
    }

    var raw: myelin_known_path { myelin_known_path(entry: entry.raw, cgroup: cgroup) }
    init(raw: myelin_known_path) { self.init(WorkloadEntry(raw: raw.entry), cgroup: raw.cgroup) }
}

/// The path of a cgroup below the root of cgroup v2, with a leading slash.
struct CgroupPath: KernelLayout {
    static let longest = Int(MYELIN_PATH_BYTES) - 2
    let text: String

    /// nil: longer than the kernel programs compare.
    init?(_ text: String) {
        guard text.utf8.count <= Self.longest else { return nil }
        self.text = text
    }

    var raw: myelin_path {
        var raw = myelin_path()
        withUnsafeMutableBytes(of: &raw.text) { $0.copyBytes(from: text.utf8) }
        return raw
    }

    init(raw: myelin_path) {
        text = withUnsafeBytes(of: raw.text) { bytes in String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
