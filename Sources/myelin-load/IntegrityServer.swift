import Foundation
import MeshSystem
import MeshTypes

/// The other end of an `IntegrityTransfer`: one thread for each connection, a bounded number at once.
struct IntegrityServer: Sendable {
    enum Role: Sendable {
        /// Reads to the end and answers the SHA-256 of what came, in hexadecimal, and a newline.
        case hash
        /// Sends bytes of a seed and closes.
        case source(count: Int, seed: UInt64)
    }

    let role: Role
    let timeoutMilliseconds: Int32
    private static let connectionsAtOnce = 64

    /// Never returns.
    func serve(on address: SocketAddress) throws(LoadFailure) {
        let listener = try required { () throws(SystemError) in try TCPSocket.listen(on: address, isDual: true) }
        let poller = try required { () throws(SystemError) in try Poller() }
        try required { () throws(SystemError) in try poller.add(listener.raw, .readable, token: 0) }
        let events = PollEvents(capacity: 1)
        let permits = DispatchSemaphore(value: Self.connectionsAtOnce)
        while true {
            _ = poller.wait(events, timeout: -1)
            permits.wait()
            let socket = TCPSocket.accept(listener.raw)
            guard socket >= 0 else {
                permits.signal()
                continue
            }
            Thread.detachNewThread {
                defer { permits.signal() }
                let connection = BlockingConnection(owning: socket, timeoutMilliseconds: timeoutMilliseconds)
                do throws(LoadFailure) { try answer(connection) } catch { complain("\(error)") }
            }
        }
    }

    private func answer(_ connection: borrowing BlockingConnection) throws(LoadFailure) {
        switch role {
        case .hash:
            let (digest, count) = try IntegrityTransfer.hash(connection)
            printLine("received \(count) bytes, SHA-256 \(digest)")
            try connection.send(text: digest + "\n")
        case .source(let count, let seed):
            let digest = try RandomStream.produce(seed: seed, count: count) { piece throws(LoadFailure) in try connection.send(piece) }
            printLine("sent \(count) bytes, SHA-256 \(digest)")
        }
    }
}
