internal import Foundation
internal import Glibc
internal import MeshAdmin
internal import MeshSystem

/// What can be said of the machine without the daemon.
enum MachineChecks {
    /// sk_lookup, socket storage and link updates, all of which capture needs.
    private static let oldestKernel = (major: 6, minor: 1)

    static func run(socket: String) -> [CheckView] {
        [kernel(), types(), controlGroups(), fileSystem(), user(), statusSocket(socket)]
    }

    private static func kernel() -> CheckView {
        var name = utsname()
        uname(&name)
        let release = withUnsafeBytes(of: name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let numbers = release.split(whereSeparator: { !$0.isNumber }).prefix(2).compactMap { Int($0) }
        guard numbers.count == 2 else { return CheckView("kernel", .warning, "of unknown version \(release)") }
        let isNew = (numbers[0], numbers[1]) >= oldestKernel
        return isNew
            ? CheckView("kernel", .ok, release)
            : CheckView(
                "kernel", .error, "\(release) is older than \(oldestKernel.major).\(oldestKernel.minor)", remedy: "boot a newer kernel")
    }

    private static func types() -> CheckView {
        access("/sys/kernel/btf/vmlinux", R_OK) == 0
            ? CheckView("btf", .ok, "the kernel tells its types")
            : CheckView("btf", .error, "/sys/kernel/btf/vmlinux is missing", remedy: "use a kernel with CONFIG_DEBUG_INFO_BTF")
    }

    private static func controlGroups() -> CheckView {
        ControlGroup.mountPoint().map { CheckView("cgroup", .ok, "cgroup v2 is mounted at \($0)") }
            ?? CheckView("cgroup", .error, "cgroup v2 is not mounted", remedy: "mount -t cgroup2 none /sys/fs/cgroup/unified")
    }

    private static func fileSystem() -> CheckView {
        let isMounted = (try? readText("/proc/self/mounts"))?.contains(" /sys/fs/bpf bpf ") ?? false
        return isMounted
            ? CheckView("bpffs", .ok, "mounted at /sys/fs/bpf")
            : CheckView("bpffs", .error, "no bpffs at /sys/fs/bpf", remedy: "mount -t bpf bpf /sys/fs/bpf")
    }

    private static func user() -> CheckView {
        geteuid() == 0
            ? CheckView("user", .ok, "root")
            : CheckView("user", .warning, "not root: some checks may see less than the daemon does", remedy: "run it with sudo")
    }

    private static func statusSocket(_ path: String) -> CheckView {
        var status = stat()
        guard stat(path, &status) == 0 else {
            let reason = String(cString: strerror(errno))
            return CheckView("socket", .error, "\(path): \(reason)", remedy: "start the daemon, or name its socket with --socket")
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            return CheckView("socket", .error, "\(path) is no socket", remedy: "name the daemon's socket with --socket")
        }
        return access(path, R_OK | W_OK) == 0
            ? CheckView("socket", .ok, path)
            : CheckView("socket", .error, "you may not open \(path)", remedy: "run as root, or as a member of its group")
    }
}
