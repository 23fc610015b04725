import Glibc
import MeshDataPlane
import MeshProtocols
import MeshSystem
import MeshTypes
import Synchronization
import Testing

/// Asking on: numbers, time-outs, forged answers, bounds.
struct NamesForwardingTests {
    /// A UDP port of loopback that nobody has.
    private static func deadServer() throws -> SocketAddress {
        let socket = try DatagramSocket.bind(to: SocketAddress(ip: .v4Loopback, port: 0))
        return TCPSocket.localAddress(socket.raw)!
    }

    @Test func asksUnderRandomNumbersFromRandomPortsAndAnswersUnderTheClients() throws {
        let upstream = try NamesUpstream(NamesUpstream.answering)
        defer { upstream.stop() }
        let node = try NamesNode(upstream: upstream.address)
        let client = try node.client()
        for number in 0..<64 as Range<UInt16> {
            let reply = try #require(try client.ask(NamesClient.query("name\(number).example.com", id: number)))
            #expect(reply.header.id == number)
            #expect(reply.answers.first?.timeToLive == 300)
        }
        let queries = upstream.queries
        #expect(queries.count == 64)
        #expect(Set(queries.map(\.message.header.id)).count > 56)
        #expect(Set(queries.map(\.peer.port)).count > 32)
        #expect(node.server.counters[.forwarded] == 64)
    }

    @Test func answersToWhomAskedThoughNumbersAreEqual() throws {
        let upstream = try NamesUpstream(NamesUpstream.answering)
        defer { upstream.stop() }
        let node = try NamesNode(upstream: upstream.address)
        let clients = try (1...20).map { try node.client(slot: $0) }
        for (index, client) in clients.enumerated() { _ = client.socket.write(NamesClient.query("name\(index).example").encoded()) }
        for (index, client) in clients.enumerated() {
            let reply = try DNSMessage(try #require(client.receive()))
            #expect(reply.question.name == DNSName("name\(index).example"))
        }
    }

    @Test func failsWhenTheUpstreamIsSilent() throws {
        let upstream = try NamesUpstream(NamesUpstream.silent)
        defer { upstream.stop() }
        let node = try NamesNode(upstream: upstream.address) {
            $0.timeout = 600_000_000
            $0.retransmission = 200_000_000
        }
        let start = ContinuousClock.now
        let reply = try node.client().ask(NamesClient.query("example.com", id: 9))
        let took = ContinuousClock.now - start
        #expect(reply?.header.responseCode == .serverFailure)
        #expect(reply?.header.id == 9)
        #expect((.milliseconds(550)...(.seconds(3))).contains(took))
        #expect((2...4).contains(upstream.queries.count), "asked again, from other ports")
        #expect(Set(upstream.queries.map(\.peer.port)).count == upstream.queries.count)
        #expect(node.server.counters[.failed] == 1)
    }

    @Test func failsAtOnceWhenNobodyListensUpstream() throws {
        let node = try NamesNode(upstream: try Self.deadServer())
        let start = ContinuousClock.now
        #expect(try node.client().ask(NamesClient.query("example.com"))?.header.responseCode == .serverFailure)
        #expect(ContinuousClock.now - start < .seconds(1))
    }

    @Test func asksTheNextUpstreamWhenOneIsDeadOrSilent() throws {
        let silent = try NamesUpstream(NamesUpstream.silent)
        let upstream = try NamesUpstream(NamesUpstream.answering)
        defer {
            silent.stop()
            upstream.stop()
        }
        for first in [try Self.deadServer(), silent.address] {
            let node = try NamesNode(upstream: silent.address) {
                $0.upstreams = [first, upstream.address]
                $0.retransmission = 150_000_000
            }
            #expect(try node.client().ask(NamesClient.query("example.com"))?.answers.count == 1)
        }
    }

    /// RFC 5452 §9: number, question and direction must fit, and the sender must be the one that was asked.
    @Test func ignoresForgedAnswers() throws {
        let stranger = try DatagramSocket.bind(to: SocketAddress(ip: .v4Any, port: 0))
        let strangerSocket = stranger.raw
        let upstream = try NamesUpstream { query in
            let good = NamesUpstream.answer(query.message)
            let forged = { (change: (inout DNSMessage) -> Void) -> [UInt8] in
                var message = NamesUpstream.answer(query.message, count: 3)
                change(&message)
                return message.encoded()
            }
            DatagramSocket.send(strangerSocket, forged { _ in }, to: query.peer, from: .v4Loopback)
            return [
                forged { $0.header.id &+= 1 }, forged { $0.question.name = DNSName("evil.example")! },
                forged { $0.question.type = .aaaa }, forged { $0.question.kind = 3 }, forged { $0.header.isResponse = false },
                [], [1, 2, 3], good.encoded(),
            ]
        }
        defer { upstream.stop() }
        let node = try NamesNode(upstream: upstream.address)
        let client = try node.client()
        #expect(try client.ask(NamesClient.query("example.com"))?.answers.count == 1)
        #expect(client.receive(milliseconds: 100) == nil, "one answer only")
        #expect(node.server.counters.unsolicited == 7)
        #expect(upstream.queries.count == 1)
        _ = stranger.raw
    }

    @Test func ignoresASecondAnswer() throws {
        let upstream = try NamesUpstream { query in
            [NamesUpstream.answer(query.message).encoded(), NamesUpstream.answer(query.message, count: 2).encoded()]
        }
        defer { upstream.stop() }
        let node = try NamesNode(upstream: upstream.address)
        let client = try node.client()
        #expect(try client.ask(NamesClient.query("example.com"))?.answers.count == 1)
        #expect(client.receive(milliseconds: 100) == nil)
    }

    @Test func refusesAFloodBeyondTheTable() throws {
        let answers = Atomic(false)
        let upstream = try NamesUpstream { answers.load(ordering: .relaxed) ? NamesUpstream.answering($0) : [] }
        defer { upstream.stop() }
        let node = try NamesNode(upstream: upstream.address) {
            $0.maximumPending = 12
            $0.maximumPendingPerWorkload = 8
            $0.timeout = 1_000_000_000
        }
        let flooder = try node.client(slot: 5)
        for number in 0..<40 as Range<UInt16> { _ = flooder.socket.write(NamesClient.query("example.com", id: number).encoded()) }
        for _ in 0..<32 {
            let reply = try DNSMessage(try #require(flooder.receive(milliseconds: 900)))
            #expect(reply.header.responseCode == .serverFailure && reply.header.id >= 8, "over its own bound")
        }
        let other = try node.client(slot: 6)
        for number in 0..<10 as Range<UInt16> { _ = other.socket.write(NamesClient.query("example.com", id: number).encoded()) }
        for _ in 0..<6 { #expect(try DNSMessage(try #require(other.receive())).header.id >= 4, "over the bound of all") }
        #expect(try node.client(slot: 7).ask(NamesClient.query("wallet"))?.answers.count == 1, "the mesh's names need no room")
        for _ in 0..<8 { #expect(try DNSMessage(try #require(flooder.receive())).header.id < 8, "timed out") }
        for _ in 0..<4 { _ = try #require(other.receive()) }
        #expect(node.server.counters[.refused] == 38 && node.server.counters[.failed] == 12)
        #expect(upstream.queries.count <= 3, "one question for all of them")
        answers.store(true, ordering: .relaxed)
        #expect(try flooder.ask(NamesClient.query("example.org"))?.answers.count == 1, "there is room again")
    }

    /// Upstream is ourselves: we are asked what is being asked already.
    @Test func aLoopEnds() throws {
        let node = try NamesNode(upstream: SocketAddress("127.0.0.1:9")!, loops: true) { $0.timeout = 500_000_000 }
        let start = ContinuousClock.now
        #expect(try node.client().ask(NamesClient.query("example.com"))?.header.responseCode == .serverFailure)
        #expect(ContinuousClock.now - start < .seconds(2))
        #expect(try node.client().ask(NamesClient.query("wallet"))?.answers.count == 1)
    }

    // MARK: Size

    /// The upstream sends more than the client said that it takes.
    @Test func cutsWhatTheClientDoesNotTake() throws {
        let upstream = try NamesUpstream { [NamesUpstream.answer($0.message, count: 60).encoded()] }
        defer { upstream.stop() }
        let node = try NamesNode(upstream: upstream.address)
        let client = try node.client()
        let cut = try #require(try client.ask(NamesClient.query("example.com")))
        #expect(cut.header.isTruncated && cut.answers.isEmpty)
        let whole = try #require(try client.ask(NamesClient.query("example.com", payload: 1232)))
        #expect(!whole.header.isTruncated && whole.answers.count == 60)
    }

    @Test func truncatedOverUDPThenWholeOverTCP() throws {
        let upstream = try NamesUpstream { [NamesUpstream.answer($0.message, count: 500).encoded(limit: $0.isStream ? 65_535 : 512)] }
        defer { upstream.stop() }
        let node = try NamesNode(upstream: upstream.address)
        let cut = try #require(try node.client().ask(NamesClient.query("example.com")))
        #expect(cut.header.isTruncated && cut.answers.isEmpty)
        let whole = try #require(try node.connect().ask(NamesClient.query("example.com", id: 77)))
        #expect(!whole.header.isTruncated && whole.answers.count == 500)
        #expect(whole.header.id == 77)
        #expect(upstream.queries.map(\.isStream) == [false, true], "once for both")
    }
}
