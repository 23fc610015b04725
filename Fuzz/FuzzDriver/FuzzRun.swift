internal import CFuzzer
internal import FuzzProperties
internal import Glibc

/// One process fuzzes one target: libFuzzer calls a C function, which reaches the target through this.
enum FuzzRun {
    private nonisolated(unsafe) static var target = FuzzTarget.http1Head

    /// - Parameter count: words after the program's name that are not libFuzzer's.
    static func start(_ target: FuzzTarget, dropping count: Int) -> Never {
        self.target = target
        var arguments = CommandLine.unsafeArgv
        let name = arguments[0]
        arguments += count
        arguments[0] = name
        var number = CommandLine.argc - Int32(count)
        var list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = arguments
        exit(
            LLVMFuzzerRunDriver(&number, &list) { bytes, count in
                if let complaint = FuzzRun.target.complaint(about: UnsafeRawBufferPointer(start: bytes, count: count)) {
                    fatalError(complaint)
                }
                return 0
            })
    }
}
