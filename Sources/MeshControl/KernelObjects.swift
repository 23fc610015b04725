internal import Glibc

/// Where the compiled kernel programs are.
enum KernelObjects {
    private static let installed = "/usr/lib/myelin"

    /// The configured directory, else beside the executable (a build tree), else the installed one.
    static func directory(configured: String?) throws(StartFailure) -> String {
        if let configured {
            guard isComplete(configured) else { throw missing(in: [configured]) }
            return configured
        }
        let candidates = [besideExecutable(), installed].compactMap(\.self)
        guard let found = candidates.first(where: isComplete) else { throw missing(in: candidates) }
        return found
    }

    private static func isComplete(_ directory: String) -> Bool {
        ["capture.bpf.o", "guard.bpf.o", "closure.bpf.o", "veth.bpf.o"].allSatisfy { access(directory + "/" + $0, R_OK) == 0 }
    }

    private static func missing(in directories: [String]) -> StartFailure {
        StartFailure(
            code: "kernel_objects",
            what: "capture.bpf.o, guard.bpf.o, closure.bpf.o and veth.bpf.o are not all in \(directories.joined(separator: " or "))",
            advice: "build them with `make bpf`, install them, or set capture.objects")
    }

    private static func besideExecutable() -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX) + 1) { buffer in
            let count = readlink("/proc/self/exe", buffer.baseAddress!, Int(PATH_MAX))
            guard count > 0 else { return nil }
            buffer[count] = 0
            let path = String(cString: buffer.baseAddress!)
            return path.lastIndex(of: "/").map { String(path[..<$0]) }
        }
    }
}
