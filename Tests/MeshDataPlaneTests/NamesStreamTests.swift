import Glibc
import MeshDataPlane
import MeshProtocols
import MeshTypes
import Testing

/// DNS over TCP: framing, pipelining, and connections that are slow, silent or too many.
struct NamesStreamTests {
    private static func node(_ adapt: (inout NameServerOptions) -> Void = { _ in }) throws -> (NamesNode, NamesUpstream) {
        let upstream = try NamesUpstream(NamesUpstream.answering)
        return (try NamesNode(upstream: upstream.address, adapt), upstream)
    }

    @Test func answersOneQueryAfterTheOther() throws {
        let (node, upstream) = try Self.node()
        defer { upstream.stop() }
        let connection = try node.connect()
        #expect(try connection.ask(NamesClient.query("wallet", id: 1))?.answers.map(\.data) == [.a(NamesNode.wallet.v4)])
        #expect(try connection.ask(NamesClient.query("example.com", id: 2))?.header.id == 2)
        #expect(try connection.ask(NamesClient.query("nobody.svc", id: 3))?.header.responseCode == .noSuchName)
    }

    @Test func takesQueriesOctetByOctet() throws {
        let (node, upstream) = try Self.node()
        defer { upstream.stop() }
        let connection = try node.connect()
        for byte in DNSStream.framed(NamesClient.query("wallet").encoded()) {
            _ = connection.write([byte])
            usleep(500)
        }
        #expect(try connection.readMessage()?.answers.count == 1)
    }

    /// More at once than may wait: the rest is read when there is room.
    @Test func answersAllThatWasSentBeforeTheEnd() throws {
        let (node, upstream) = try Self.node { $0.maximumPerConnection = 4 }
        defer { upstream.stop() }
        let connection = try node.connect()
        let queries = (0..<50 as Range<UInt16>).map { NamesClient.query($0 % 2 == 0 ? "wallet" : "example.com", id: $0) }
        _ = connection.write(queries.flatMap { DNSStream.framed($0.encoded()) })
        connection.finish()
        var answered: Set<UInt16> = []
        while let reply = try connection.readMessage() { answered.insert(reply.header.id) }
        #expect(answered == Set(0..<50))
    }

    @Test func closesWhenTheEndComesWithinAQuery() throws {
        let (node, upstream) = try Self.node()
        defer { upstream.stop() }
        let connection = try node.connect()
        _ = connection.write([0, 200, 1, 2, 3])
        connection.finish()
        let took = ContinuousClock().measure { #expect(connection.read() == .end) }
        #expect(took < .seconds(2), "not by the time-out")
    }

    @Test func answersWhatItCannotReadWithFormatError() throws {
        let (node, upstream) = try Self.node()
        defer { upstream.stop() }
        let connection = try node.connect()
        _ = connection.write(DNSStream.framed([0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1]))
        #expect(connection.read(exactly: 14) == [0, 12, 0xab, 0xcd, 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test func closesASilentConnection() throws {
        let (node, upstream) = try Self.node { $0.idleTimeout = 300_000_000 }
        defer { upstream.stop() }
        let connection = try node.connect()
        #expect(try connection.ask(NamesClient.query("wallet"))?.answers.count == 1)
        let took = ContinuousClock().measure { #expect(connection.read() == .end) }
        #expect((.milliseconds(200)...(.seconds(3))).contains(took))
    }

    /// Single octets are no sign of life: a query must be whole in time.
    @Test func closesAConnectionThatSendsOctetByOctetForLong() throws {
        let (node, upstream) = try Self.node { $0.idleTimeout = 300_000_000 }
        defer { upstream.stop() }
        let connection = try node.connect()
        var sent = 0
        for byte in [UInt8](repeating: 1, count: 100) where connection.write([byte]) == 0 {
            sent += 1
            usleep(50_000)
        }
        #expect(sent < 40, "closed after 0.3 s, noticed soon after")
    }

    @Test func closesAConnectionThatDoesNotReadItsAnswers() throws {
        let (node, upstream) = try Self.node { $0.idleTimeout = 500_000_000 }
        defer { upstream.stop() }
        let connection = try node.connect()
        let query = DNSStream.framed(NamesClient.query("wallet").encoded())
        let many = (0..<1000).flatMap { _ in query }
        var failure: Int32 = 0
        for _ in 0..<1000 where failure == 0 { failure = connection.write(many) }
        #expect(failure == EPIPE || failure == ECONNRESET)
        #expect(try node.client().ask(NamesClient.query("wallet"))?.answers.count == 1)
    }

    @Test func waitsForTheUpstreamLongerThanForASilentClient() throws {
        let upstream = try NamesUpstream(NamesUpstream.silent)
        defer { upstream.stop() }
        let node = try NamesNode(upstream: upstream.address) {
            $0.idleTimeout = 200_000_000
            $0.timeout = 800_000_000
        }
        #expect(try node.connect().ask(NamesClient.query("example.com"))?.header.responseCode == .serverFailure)
    }

    @Test func closesConnectionsBeyondTheBounds() throws {
        let (node, upstream) = try Self.node {
            $0.maximumConnections = 3
            $0.maximumConnectionsPerWorkload = 2
        }
        defer { upstream.stop() }
        let query = NamesClient.query("wallet")
        let first = try node.connect(slot: 5)
        let second = try node.connect(slot: 5)
        #expect(try node.connect(slot: 5).ask(query) == nil, "over the workload's bound")
        let third = try node.connect(slot: 6)
        #expect(try node.connect(slot: 7).ask(query) == nil, "over the bound of all")
        for connection in [first, second, third] { #expect(try connection.ask(query)?.answers.count == 1) }
        first.close()
        usleep(100_000)
        #expect(try node.connect(slot: 5).ask(query)?.answers.count == 1, "there is room again")
    }

    @Test func aClientThatLeavesWhileItsQueryWaitsHarmsNobody() throws {
        let upstream = try NamesUpstream { query in
            usleep(100_000)
            return NamesUpstream.answering(query)
        }
        defer { upstream.stop() }
        let node = try NamesNode(upstream: upstream.address)
        for _ in 0..<5 {
            let connection = try node.connect()
            _ = connection.write(DNSStream.framed(NamesClient.query("example.com").encoded()))
            connection.abort()
        }
        #expect(try node.connect().ask(NamesClient.query("example.com"))?.answers.count == 1)
    }

    // MARK: Release

    @Test func releaseClosesSocketsAndConnectionsOfTheNamespace() throws {
        let (node, upstream) = try Self.node()
        defer { upstream.stop() }
        let (connection, client) = (try node.connect(), try node.client())
        #expect(try connection.ask(NamesClient.query("wallet"))?.answers.count == 1)
        #expect(try client.ask(NamesClient.query("wallet"))?.answers.count == 1)
        node.server.release(NamesNode.namespace)
        #expect(connection.read() == .end)
        _ = client.socket.write(NamesClient.query("wallet").encoded())
        #expect(client.receive(milliseconds: 500) == nil)
    }

    @Test func stopsAndClosesEverything() throws {
        let (node, upstream) = try Self.node()
        defer { upstream.stop() }
        let connection = try node.connect()
        #expect(try connection.ask(NamesClient.query("wallet"))?.answers.count == 1)
        node.server.stop()
        #expect(connection.read() == .end)
    }
}
