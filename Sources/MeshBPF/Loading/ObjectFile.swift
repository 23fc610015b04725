internal import CBPF
internal import Glibc

/// A compiled object of kernel programs, opened and then loaded. Closing it keeps what is pinned or attached.
struct ObjectFile: ~Copyable {
    private let object: OpaquePointer
    private let path: String

    init(opening path: String) throws(KernelError) {
        self.path = path
        cbpf_log_start()
        let opened = bpf_object__open_file(path, nil)
        let code = errno
        let log = takeLog()
        guard let opened else { throw KernelError("open \(path)", code: code, log: log) }
        object = opened
    }

    deinit { bpf_object__close(object) }

    /// Sets the constants (`.rodata.constants`) of the programs. Before loading only.
    borrowing func setConstants<Constants: BitwiseCopyable>(_ constants: Constants) throws(KernelError) {
        guard let map = bpf_object__find_map_by_name(object, ".rodata.constants") else {
            throw KernelError("find the constants of \(path)", code: ENOENT)
        }
        var size = 0
        guard let target = bpf_map__initial_value(map, &size), size == MemoryLayout<Constants>.size else {
            throw KernelError("set the constants of \(path)", code: EINVAL)
        }
        withUnsafeBytes(of: constants) { UnsafeMutableRawPointer(mutating: target).copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    }

    /// Each map of ours will be taken from its pin if that exists, and pinned there otherwise.
    borrowing func pinMaps(in directory: String) throws(KernelError) {
        var map = bpf_object__next_map(object, nil)
        while let current = map {
            if !bpf_map__is_internal(current) {
                let pin = directory + "/" + String(cString: bpf_map__name(current))
                try loading("set the pin \(pin)") { bpf_map__set_pin_path(current, pin) }
            }
            map = bpf_object__next_map(object, current)
        }
    }

    /// Lets the verifier judge. The error's log has the end of what it said.
    borrowing func load() throws(KernelError) {
        try loading("load \(path)") { bpf_object__load(object) }
    }

    /// The descriptor of a program, which lives as long as this object.
    borrowing func program(_ name: String) throws(KernelError) -> Int32 {
        guard let program = bpf_object__find_program_by_name(object, name) else {
            throw KernelError("find program \(name) in \(path)", code: ENOENT)
        }
        return try loading("load program \(name)") { bpf_program__fd(program) }
    }

    /// A descriptor of a map, owned by the caller.
    borrowing func map(_ name: String) throws(KernelError) -> Int32 {
        guard let map = bpf_object__find_map_by_name(object, name) else {
            throw KernelError("find map \(name) in \(path)", code: ENOENT)
        }
        let copy = fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw KernelError("open map \(name)", code: errno) }
        return copy
    }
}
