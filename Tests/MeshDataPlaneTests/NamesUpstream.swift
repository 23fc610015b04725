import Glibc
import MeshProtocols
import MeshSystem
import MeshTypes
import Synchronization

/// A DNS server of a test, over UDP and TCP on one port; the test says what it answers.
final class NamesUpstream: Sendable {
    /// A query as it arrived.
    struct Query: Sendable {
        let message: DNSMessage
        let peer: SocketAddress
        let isStream: Bool
        /// The server's UDP socket, to send more by.
        let socket: Int32
    }

    let address: SocketAddress
    private let datagrams: TestSocket
    private let listener: TestListener
    private let seen = Mutex<[Query]>([])
    private let isStopped = Atomic(false)

    /// - Parameter respond: the messages that go back, in order.
    init(_ respond: @escaping @Sendable (Query) -> [[UInt8]]) throws {
        (listener, datagrams) = try Self.sockets()
        address = listener.address
        TestThread.start { [self] in
            while !isStopped.load(ordering: .relaxed) { serveDatagram(respond) }
        }
        TestThread.start { [self] in
            while !isStopped.load(ordering: .relaxed) {
                guard let connection = try? listener.accept() else { continue }
                serve(connection, respond)
            }
        }
    }

    /// On one port: one that is free for TCP may be somebody's for UDP, then another is tried.
    private static func sockets() throws -> (TestListener, TestSocket) {
        for _ in 0..<50 {
            let listener = try TestListener()
            if let socket = try? DatagramSocket.bind(to: listener.address) { return (listener, TestSocket(owning: socket.release())) }
        }
        throw NoPort()
    }

    private struct NoPort: Error {}

    var queries: [Query] { seen.withLock { $0 } }

    func stop() {
        isStopped.store(true, ordering: .relaxed)
        _ = try? TestSocket(connectingTo: address)
    }

    private func serveDatagram(_ respond: (Query) -> [[UInt8]]) {
        var ready = pollfd(fd: datagrams.raw, events: Int16(POLLIN), revents: 0)
        guard poll(&ready, 1, 50) == 1 else { return }
        withUnsafeTemporaryAllocation(byteCount: 65_535, alignment: 1) { buffer in
            guard let arrival = DatagramSocket.receive(datagrams.raw, into: buffer),
                let message = try? DNSMessage(Array(buffer[..<arrival.count]))
            else { return }
            let query = Query(message: message, peer: arrival.peer, isStream: false, socket: datagrams.raw)
            seen.withLock { $0.append(query) }
            for reply in respond(query) { DatagramSocket.send(datagrams.raw, reply, to: arrival.peer, from: arrival.local) }
        }
    }

    private func serve(_ connection: TestSocket, _ respond: (Query) -> [[UInt8]]) {
        let length = connection.read(exactly: 2)
        guard length.count == 2 else { return }
        let bytes = connection.read(exactly: Int(length[0]) << 8 | Int(length[1]))
        guard let message = try? DNSMessage(bytes) else { return }
        let query = Query(message: message, peer: address, isStream: true, socket: datagrams.raw)
        seen.withLock { $0.append(query) }
        for reply in respond(query) { _ = connection.write(DNSStream.framed(reply)) }
    }

    /// An answer with `count` addresses.
    static func answer(_ query: DNSMessage, count: Int = 1) -> DNSMessage {
        var reply = DNSMessage(header: query.header.answering(.noError), question: query.question)
        reply.answers = (0..<count).map {
            DNSRecord(name: query.question.name, timeToLive: 300, data: .a(IPAddress(v4: 0xc000_0200 + UInt32($0))))
        }
        return reply
    }

    @Sendable static func answering(_ query: Query) -> [[UInt8]] { [answer(query.message).encoded()] }
    @Sendable static func silent(_ query: Query) -> [[UInt8]] { [] }
}
