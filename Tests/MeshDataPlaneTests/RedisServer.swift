import Foundation
import MeshSystem
import MeshTypes
import Synchronization

/// Debian's Redis on a port of loopback, without persistence: what it held is gone when it ends.
final class RedisServer: Sendable {
    struct NotStarted: Error {}

    let address: SocketAddress
    private let arguments: [String]
    private let process = Mutex<Process?>(nil)

    /// - Parameters:
    ///   - port: nil for a free one.
    ///   - isTLS: it takes no plaintext.
    ///   - settings: further arguments.
    init(isTLS: Bool = false, _ settings: [String] = []) throws {
        let port = try TestListener().address.port
        address = SocketAddress(ip: .v4Loopback, port: port)
        arguments =
            (isTLS ? ["--port", "0", "--tls-port", "\(port)"] : ["--port", "\(port)"])
            + ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", try Scratch.directory(), "--loglevel", "warning"]
            + settings
        try start()
    }

    deinit { stop() }

    func start() throws {
        let server = Process()
        server.executableURL = URL(fileURLWithPath: "/usr/bin/redis-server")
        server.arguments = arguments
        server.standardOutput = FileHandle.nullDevice
        try server.run()
        process.withLock { $0 = server }
        let deadline = ContinuousClock.now + .seconds(10)
        while !TCPSocket.answers(address, timeout: 100) {
            guard ContinuousClock.now < deadline, server.isRunning else { throw NotStarted() }
            usleep(20_000)
        }
    }

    func stop() {
        process.withLock { running in
            guard let server = running else { return }
            kill(server.processIdentifier, SIGKILL)
            server.waitUntilExit()
            running = nil
        }
    }

    /// It keeps its connections and answers nothing.
    func pause() { process.withLock { _ = $0.map { kill($0.processIdentifier, SIGSTOP) } } }
    func resume() { process.withLock { _ = $0.map { kill($0.processIdentifier, SIGCONT) } } }

    /// Sends a command as a line. - Returns: what came back first.
    func ask(_ line: String) throws -> String {
        let socket = try TestSocket(connectingTo: address)
        defer { socket.close() }
        _ = socket.write(Array("\(line)\r\n".utf8))
        guard case .bytes(let answer) = socket.read() else { return "" }
        return String(decoding: answer, as: UTF8.self)
    }
}
