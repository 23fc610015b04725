internal import CBPF
internal import CMyelinABI
internal import Glibc
internal import MeshSystem

/// Where maps and links are pinned: `<directory>/v<ABI version>/{maps,links,guards}`. Pins of another version are never taken over.
package struct PinLayout: Sendable {
    let root: String
    private let directory: String

    init(directory: String) {
        self.directory = directory
        root = "\(directory)/v\(MYELIN_ABI_VERSION)"
    }

    var maps: String { root + "/maps" }
    var links: String { root + "/links" }
    var guards: String { root + "/guards" }

    /// Makes the directories; mounts a bpffs at `/sys/fs/bpf` if nothing is mounted there.
    func prepare() throws(KernelError) {
        if root.hasPrefix(Self.mountPoint + "/"), !Self.isBPFFS(Self.mountPoint) {
            let code = cbpf_mount_bpffs(Self.mountPoint) == 0 ? 0 : errno
            if code != 0 { throw KernelError("mount a bpffs at \(Self.mountPoint)", code: code) }
        }
        var path = ""
        for part in (root + "/").split(separator: "/") {
            path += "/" + part
            try Self.makeDirectory(path)
        }
        for directory in [maps, links, guards] { try Self.makeDirectory(directory) }
        guard Self.isBPFFS(root) else { throw KernelError("use \(root), which is not on a bpffs", code: EINVAL) }
    }

    /// Detaches the programs of other versions. Called when ours are attached: in between both are in force, which refuses too much
    /// rather than too little.
    func removeOtherVersions() {
        for name in Self.names(in: directory) where name.hasPrefix("v") && Int(name.dropFirst()) != nil {
            let other = directory + "/" + name
            if other != root { Self.removeTree(other) }
        }
    }

    /// Names of the pins in a directory.
    package static func names(in directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                tuple.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Removes a directory and everything below it: unpinning the last reference detaches a link.
    static func removeTree(_ path: String) {
        for name in names(in: path) {
            let child = path + "/" + name
            if unlink(child) != 0 { removeTree(child) }
        }
        rmdir(path)
    }

    private static let mountPoint = "/sys/fs/bpf"

    private static func isBPFFS(_ path: String) -> Bool {
        cbpf_is_bpffs(path) == 1
    }

    private static func makeDirectory(_ path: String) throws(KernelError) {
        if mkdir(path, 0o700) != 0, errno != EEXIST { throw KernelError("make directory \(path)", code: errno) }
    }
}
