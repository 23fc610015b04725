internal import Foundation
internal import Glibc
internal import MeshAdmin
internal import MeshSystem

/// What can be said of the machine without the daemon.
enum MachineChecks {
    /// sk_lookup, socket storage and link updates, all of which capture needs.
    private static let oldestKernel = (major: 6, minor: 1)

    static func run() -> [CheckView] { [kernel(), types(), controlGroups(), fileSystem()] }

    private static func kernel() -> CheckView {
        var name = utsname()
        uname(&name)
        let release = withUnsafeBytes(of: name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let numbers = release.split(whereSeparator: { !$0.isNumber }).prefix(2).compactMap { Int($0) }
        guard numbers.count == 2 else { return CheckView("kernel", .warning, "of unknown version \(release)") }
        let isNew = (numbers[0], numbers[1]) >= oldestKernel
        return isNew
            ? CheckView("kernel", .ok, release)
            : CheckView("kernel", .error, "\(release) is older than \(oldestKernel.major).\(oldestKernel.minor)", remedy: "boot a newer kernel")
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
}
