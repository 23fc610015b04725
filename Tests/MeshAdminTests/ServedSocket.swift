import Foundation
import Glibc
import Logging
import MeshAdmin

let quiet = Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() }

/// A directory that goes with the test.
func withDirectory<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    let directory = "/tmp/myelin-admin-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    return try await body(directory)
}

/// Serves `source` on a socket of its own while `body` runs, then ends the server and waits for it.
func withStatusServer(_ source: FakeAdmin = FakeAdmin(), _ body: (String) async throws -> Void) async throws {
    try await withDirectory { directory in
        let path = directory + "/s"
        let server = try StatusServer(path: path, source: source, log: quiet)
        try await serving({ try await server.run(listening: $0) }) { try await body(path) }
    }
}

/// Runs `server` while `body` runs, from when it listens on.
func serving(
    _ server: @escaping @Sendable (@escaping @Sendable () -> Void) async throws -> Void, _ body: () async throws -> Void
) async throws {
    let (listening, signal) = AsyncStream.makeStream(of: Void.self)
    let task = Task {
        defer { signal.finish() }
        try await server { signal.yield() }
    }
    var signals = listening.makeAsyncIterator()
    guard await signals.next() != nil else { return try await task.value }
    do {
        try await body()
    } catch {
        task.cancel()
        _ = await task.result
        throw error
    }
    task.cancel()
    _ = await task.result
}

/// Waits until `condition` holds, ten seconds at most.
func eventually(_ condition: () -> Bool) async -> Bool {
    for _ in 0..<1000 {
        if condition() { return true }
        try? await Task.sleep(for: .milliseconds(10))
    }
    return false
}

/// A Unix socket of the plainest kind, bound by hand.
struct PlainSocket: ~Copyable {
    let descriptor: Int32

    init(bound path: String, listening: Bool) {
        descriptor = Self.open(path) { Glibc.bind($0, $1, $2) }
        if listening { listen(descriptor, 8) }
    }

    init(connected path: String) { descriptor = Self.open(path) { Glibc.connect($0, $1, $2) } }

    deinit { close(descriptor) }

    private static func open(_ path: String, _ join: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let joined = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { join(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        precondition(joined == 0, "\(path): errno \(errno)")
        return descriptor
    }
}
