internal import CBPF
internal import Glibc

/// The kernel (or libbpf) refused something: what was tried, why, and what the operator can do.
package struct KernelError: Error, Sendable, CustomStringConvertible {
    /// E.g. `attach connect4`.
    package let operation: String
    /// errno.
    package let code: Int32
    /// The last lines of libbpf and of the verifier, at most 4 KiB; empty if they said nothing.
    package let log: String

    init(_ operation: String, code: Int32, log: String = "") {
        self.operation = operation
        self.code = code
        self.log = log
    }

    /// One sentence on what to do about it.
    package var advice: String {
        switch code {
        case EPERM, EACCES: "myelind needs CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON and CAP_SYS_ADMIN; run it as root or by its systemd unit"
        case ENOENT: "check that the object directory, the cgroup and the pin directory of the configuration exist"
        case EINVAL, EOPNOTSUPP: "Myelin needs Linux 6.1 or newer with CONFIG_CGROUP_BPF, CONFIG_BPF_JIT and BTF (see myelinctl check)"
        case ENOSPC, E2BIG: "a table or the list of attached programs is full; see the limits in the documentation"
        case ENOMEM: "the kernel has no memory left for maps; raise the memory limit of the daemon's cgroup"
        case EBUSY: "another program owns this hook; detach it, or remove old pins with myelind --uninstall"
        default: "see the log of this error, and myelinctl check"
        }
    }

    package var description: String {
        let reason = String(cString: strerror(code))
        let tail = log.isEmpty ? "" : "\n\(log)"
        return "\(operation): \(reason); \(advice)\(tail)"
    }
}

/// Runs `body` while collecting what libbpf says; throws when it returns a negative errno.
@discardableResult
func loading<Number: SignedInteger>(
    _ operation: @autoclosure () -> String, _ body: () -> Number
) throws(KernelError) -> Number {
    cbpf_log_start()
    let result = body()
    let log = takeLog()
    guard result >= 0 else { throw KernelError(operation(), code: Int32(-result), log: log) }
    return result
}

/// What libbpf said on this thread since `cbpf_log_start`.
func takeLog() -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(CBPF_LOG_BYTES)) { text in
        cbpf_log_take(text.baseAddress!)
        return String(cString: text.baseAddress!)
    }
}
