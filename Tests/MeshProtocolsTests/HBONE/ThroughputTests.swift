import MeshProtocols
import MeshTypes
import Testing

/// Not a verdict but a figure: how long both ends of a connection take, without sockets and TLS. `make bench` measures the rest.
@Suite(.serialized) struct ThroughputTests {
    /// Carries frames one by one, as a worker does, without gathering them.
    private static func carry(_ from: HBONESession, _ to: HBONESession) -> Int {
        var count = 0
        while let frame = from.nextOutput() {
            count += frame.count
            if to.receive(frame, now: 0) != nil { fatalError("refused") }
        }
        return count
    }

    @Test func roundTripsOverManyStreams() {
        let streams = 64
        let rounds = 300
        let client = Echo(.client, size: 128)
        let server = Echo(.server, size: 128)
        _ = Self.carry(client.session, server.session) + Self.carry(server.session, client.session)
        for _ in 0..<streams { client.open() }
        while Self.carry(client.session, server.session) + Self.carry(server.session, client.session) > 0 {}
        let elapsed = ContinuousClock().measure {
            for _ in 0..<rounds {
                client.sendAll()
                _ = Self.carry(client.session, server.session)
                _ = Self.carry(server.session, client.session)
            }
        }
        #expect(client.echoed == streams * rounds * 128)
        print("128-byte round trip, \(streams) streams: \(elapsed / (streams * rounds))")
    }

    @Test func bulk() {
        let total = 64 << 20
        let client = Echo(.client, size: total)
        let server = Echo(.server, size: 0)
        _ = Self.carry(client.session, server.session) + Self.carry(server.session, client.session)
        client.open()
        while Self.carry(client.session, server.session) + Self.carry(server.session, client.session) > 0 {}
        let elapsed = ContinuousClock().measure {
            client.sendAll()
            while Self.carry(client.session, server.session) + Self.carry(server.session, client.session) > 0 {}
        }
        #expect(server.echoed == total)
        print("bulk: \(Double(total) / 1e9 / (elapsed / .seconds(1))) GB/s")
    }
}

/// Sends `size` bytes per message and counts what comes; a server gives the same number back.
private final class Echo {
    private(set) var session: HBONESession!
    let role: HBONESession.Role
    let size: Int
    var echoed = 0
    var due: [Int] = [0]
    var streams: [StreamID] = [StreamID(rawValue: 0)]

    init(_ role: HBONESession.Role, size: Int) {
        self.role = role
        self.size = size
        session = HBONESession(role: role, owner: Unmanaged.passUnretained(self).toOpaque(), handlers: EchoHandlers.self, now: 0)
    }

    func open() {
        due.append(0)
        streams.append(session.openStream(ConnectRequest(authority: SocketAddress("10.0.0.1:80")!), token: UInt64(streams.count))!)
    }

    func sendAll() {
        for token in 1..<streams.count {
            due[token] += size
            session.readyToSend(streams[token])
        }
    }
}

private enum EchoHandlers: HBONEHandlers {
    static func echo(_ owner: Owner) -> Echo { Unmanaged<Echo>.fromOpaque(owner).takeUnretainedValue() }

    static func request(_ owner: Owner, stream: StreamID, _ request: borrowing ConnectRequest) -> UInt64 {
        let echo = echo(owner)
        echo.due.append(0)
        echo.streams.append(stream)
        echo.session.accept(stream)
        return UInt64(echo.streams.count - 1)
    }
    static func data(_ owner: Owner, token: UInt64, _ bytes: UnsafeRawBufferPointer) {
        let echo = echo(owner)
        let stream = echo.streams[Int(token)]
        echo.echoed += bytes.count
        echo.session.consumedConnection(bytes.count)
        echo.session.consumed(stream, bytes.count)
        guard echo.role == .server, echo.size > 0 else { return }
        echo.due[Int(token)] += bytes.count
        echo.session.readyToSend(stream)
    }
    static func pull(_ owner: Owner, token: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> PullResult {
        let echo = echo(owner)
        let count = min(echo.due[Int(token)], buffer.count)
        echo.due[Int(token)] -= count
        return count > 0 ? .bytes(count) : .later
    }
    static func rejected(_ owner: Owner, status: Int, reason: DenialReason) {}
    static func response(_ owner: Owner, token: UInt64, status: Int, reason: DenialReason) {}
    static func end(_ owner: Owner, token: UInt64) {}
    static func reset(_ owner: Owner, token: UInt64, _ code: HBONEErrorCode) {}
    static func closed(_ owner: Owner, token: UInt64) {}
    static func goAway(_ owner: Owner, lastStream: StreamID, _ code: HBONEErrorCode) {}
    static func pingAcknowledged(_ owner: Owner) {}
}
