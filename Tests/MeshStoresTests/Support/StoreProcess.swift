import Foundation
import MeshSystem
import MeshTypes
import Synchronization

/// A server that a test starts, hurts and ends.
final class StoreProcess: Sendable {
    struct NotStarted: Error, CustomStringConvertible {
        let description: String
    }

    let address: SocketAddress
    private let command: [String]
    private let log: String
    /// Holds the log.
    private let scratch: Scratch
    private let process = Mutex<Program?>(nil)

    /// - Parameter address: answers once it is up.
    init(_ command: [String], address: SocketAddress, log: String, in scratch: Scratch) async throws {
        self.command = command
        self.address = address
        self.scratch = scratch
        self.log = "\(scratch.path)/\(log)"
        try await start()
    }

    deinit { stop() }

    func start() async throws {
        let server = try Program(command, output: log)
        process.withLock { $0 = server }
        let deadline = ContinuousClock.now + .seconds(15)
        while !TCPSocket.answers(address, timeout: 100) {
            guard ContinuousClock.now < deadline, server.isRunning else {
                throw NotStarted(description: (try? String(contentsOfFile: log, encoding: .utf8)) ?? "no log")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// At once, without a farewell.
    func stop() {
        process.withLock { running in
            guard let server = running else { return }
            server.signal(SIGKILL)
            server.wait()
            running = nil
        }
    }

    /// It keeps its connections and answers nothing.
    func pause() { process.withLock { $0?.signal(SIGSTOP) } }
    func resume() { process.withLock { $0?.signal(SIGCONT) } }

    static func freePort() throws -> UInt16 {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                _ = bind(socket, name, length)
                _ = getsockname(socket, name, &length)
            }
            return UInt16(bigEndian: pointer.pointee.sin_port)
        }
    }
}

/// A directory of one test, which goes with it.
final class Scratch: Sendable {
    let path: String

    init() {
        path = "\(NSTemporaryDirectory())/myelin-stores-\(UUID().uuidString)"
        try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String, _ text: String) -> String {
        try! text.write(toFile: "\(path)/\(name)", atomically: true, encoding: .utf8)
        return "\(path)/\(name)"
    }
}
