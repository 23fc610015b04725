import MeshSystem

/// Something without which the program cannot go on. The message says what, and what to do.
struct LoadFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Runs what a failed system call ends, and says so.
func required<Value: ~Copyable>(_ body: () throws(SystemError) -> Value) throws(LoadFailure) -> Value {
    do throws(SystemError) { return try body() } catch { throw LoadFailure("\(error)") }
}
