import Glibc
import MeshDataPlane
import MeshProtocols
import MeshTypes
import Synchronization
import Testing

/// What is remembered of upstreams' answers, and what becomes of queries while there is no upstream.
struct NamesCacheTests {
    /// An upstream that a test can silence, with answers that live for a second.
    private final class Switched: Sendable {
        private final class Flag: Sendable { let value = Atomic(false) }

        private let isSilent = Flag()
        let upstream: NamesUpstream

        init() throws {
            let isSilent = isSilent
            upstream = try NamesUpstream { query in
                guard !isSilent.value.load(ordering: .relaxed) else { return [] }
                var reply = NamesUpstream.answer(query.message)
                reply.answers[0].timeToLive = 1
                return [reply.encoded()]
            }
        }

        func silence(_ now: Bool) { isSilent.value.store(now, ordering: .relaxed) }
    }

    private static func soa(_ query: DNSMessage, code: DNSResponseCode, seconds: UInt32) -> DNSMessage {
        var reply = DNSMessage(header: query.header.answering(code), question: query.question)
        let zone = DNSName("example.com")!
        reply.authority = [
            DNSRecord(
                name: zone, timeToLive: 900,
                data: .soa(
                    StartOfAuthority(primary: zone, mailbox: zone, serial: 1, refresh: 1, retry: 1, expire: 1, minimum: seconds)))
        ]
        return reply
    }

    @Test func asksOnceAndAnswersAllInTheirSpelling() throws {
        let upstream = try NamesUpstream(NamesUpstream.answering)
        defer { upstream.stop() }
        let node = try NamesNode(upstream: upstream.address)
        for (index, name) in ["www.example.com", "WWW.example.COM", "www.Example.com"].enumerated() {
            let client = try node.client(slot: UInt32(5 + index))
            let reply = try #require(try client.ask(NamesClient.query(name, id: UInt16(index))))
            #expect(reply.question.name.wire == DNSName(name)!.wire && reply.header.id == UInt16(index))
            #expect(reply.answers.count == 1 && !reply.header.isAuthoritative && !reply.header.isVerified)
        }
        #expect(try node.connect().ask(NamesClient.query("www.example.com"))?.answers.count == 1)
        #expect(upstream.queries.count == 1)
        #expect(node.server.counters[.cached] == 3 && node.server.counters[.forwarded] == 1)
    }

    @Test func timesToLiveGoDownAndEnd() throws {
        let upstream = try NamesUpstream { query in
            var reply = NamesUpstream.answer(query.message)
            reply.answers[0].timeToLive = 2
            return [reply.encoded()]
        }
        defer { upstream.stop() }
        let node = try NamesNode(upstream: upstream.address)
        let client = try node.client()
        #expect(try client.ask(NamesClient.query("example.com"))?.answers.first?.timeToLive == 2)
        usleep(1_100_000)
        #expect(try client.ask(NamesClient.query("example.com"))?.answers.first?.timeToLive == 1)
        #expect(upstream.queries.count == 1)
        usleep(1_000_000)
        #expect(try client.ask(NamesClient.query("example.com"))?.answers.first?.timeToLive == 2)
        #expect(upstream.queries.count == 2)
    }

    @Test(arguments: [DNSResponseCode.noSuchName, .noError]) func remembersThatThereIsNone(_ code: DNSResponseCode) throws {
        let upstream = try NamesUpstream { [Self.soa($0.message, code: code, seconds: 60).encoded()] }
        defer { upstream.stop() }
        let node = try NamesNode(upstream: upstream.address)
        for _ in 0..<3 {
            let reply = try #require(try node.client().ask(NamesClient.query("no.example.com")))
            #expect(reply.header.responseCode == code && reply.answers.isEmpty)
            #expect(reply.authority.map(\.type) == [.soa] && reply.authority[0].timeToLive <= 60)
        }
        #expect(upstream.queries.count == 1)
    }

    /// Without an SOA, with a time of 0, or SERVFAIL: nothing says for how long.
    @Test func doesNotRememberWhatHasNoTime() throws {
        let upstream = try NamesUpstream { query in
            var reply = DNSMessage(header: query.message.header.answering(.noSuchName), question: query.message.question)
            if query.message.question.name == DNSName("zero.example") {
                reply = NamesUpstream.answer(query.message)
                reply.answers[0].timeToLive = 0
            }
            return [reply.encoded()]
        }
        defer { upstream.stop() }
        let node = try NamesNode(upstream: upstream.address)
        for name in ["none.example", "zero.example"] {
            for _ in 0..<2 { _ = try node.client().ask(NamesClient.query(name)) }
        }
        #expect(upstream.queries.count == 4)
    }

    @Test func passesOnAliases() throws {
        let upstream = try NamesUpstream { query in
            var reply = NamesUpstream.answer(query.message)
            let target = DNSName("real.example.net")!
            reply.answers[0].name = target
            reply.answers.insert(DNSRecord(name: query.message.question.name, timeToLive: 60, data: .cname(target)), at: 0)
            return [reply.encoded()]
        }
        defer { upstream.stop() }
        let node = try NamesNode(upstream: upstream.address)
        for _ in 0..<2 {
            let reply = try #require(try node.client().ask(NamesClient.query("Alias.example.com")))
            #expect(reply.answers.map(\.type) == [.cname, .a])
            #expect(reply.answers[0].name.wire == DNSName("Alias.example.com")!.wire, "it points to the question")
        }
        #expect(upstream.queries.count == 1)
    }

    @Test func asksOnceForAllWhoWait() throws {
        let upstream = try NamesUpstream { query in
            usleep(150_000)
            return NamesUpstream.answering(query)
        }
        defer { upstream.stop() }
        let node = try NamesNode(upstream: upstream.address)
        let clients = try (1...30).map { try node.client(slot: $0) }
        for client in clients { _ = client.socket.write(NamesClient.query("example.com").encoded()) }
        let connection = try node.connect()
        #expect(try connection.ask(NamesClient.query("example.com"))?.answers.count == 1)
        for client in clients { #expect(try DNSMessage(try #require(client.receive())).answers.count == 1) }
        #expect(upstream.queries.count == 1)
    }

    @Test func givesAnOldAnswerWhileNoUpstreamAnswers() throws {
        let switched = try Switched()
        defer { switched.upstream.stop() }
        let node = try NamesNode(upstream: switched.upstream.address) {
            $0.patience = 200_000_000
            $0.timeout = 900_000_000
            $0.retransmission = 100_000_000
        }
        let client = try node.client()
        #expect(try client.ask(NamesClient.query("example.com"))?.answers.count == 1)
        usleep(1_100_000)
        switched.silence(true)
        let took = try duration { () throws in
            let reply = try #require(try client.ask(NamesClient.query("example.com", payload: 1232)))
            #expect(reply.answers.count == 1 && reply.answers.first?.timeToLive == 30)
            #expect(reply.options?.options.starts(with: [0, 15]) == true, "it says so (RFC 8914)")
        }
        #expect((.milliseconds(150) ... .milliseconds(800)).contains(took), "after its patience: \(took)")
        // The server is known to be down soon: no wait at all.
        usleep(1_000_000)
        let second = try duration { () throws in
            #expect(try client.ask(NamesClient.query("example.com"))?.answers.count == 1)
        }
        #expect(second < .milliseconds(100), "\(second)")
        #expect(node.server.counters[.stale] == 2)
        #expect(try client.ask(NamesClient.query("other.example"))?.header.responseCode == .serverFailure, "there is no old answer")
        for _ in 0..<40 where !node.server.status.upstreams.contains(where: \.isDown) { usleep(100_000) }
        // It is noticed without a client's doing that the server is back.
        switched.silence(false)
        for _ in 0..<100 where node.server.status.upstreams.contains(where: \.isDown) { usleep(100_000) }
        usleep(1_000_000)
        #expect(try client.ask(NamesClient.query("other.example"))?.answers.count == 1)
        #expect(!node.server.status.upstreams.contains { $0.isDown })
    }

    @Test func failsFastWhileAllAreDown() throws {
        let upstream = try NamesUpstream(NamesUpstream.silent)
        defer { upstream.stop() }
        let node = try NamesNode(upstream: upstream.address) {
            $0.retransmission = 100_000_000
            $0.timeout = 3_000_000_000
        }
        let client = try node.client()
        #expect(try client.ask(NamesClient.query("a.example"))?.header.responseCode == .serverFailure)
        #expect(node.server.status.upstreams.map(\.isDown) == [true])
        let again = try duration { () throws in
            #expect(try client.ask(NamesClient.query("a.example"))?.header.responseCode == .serverFailure)
        }
        #expect(again < .milliseconds(100), "asked a moment ago: \(again)")
        let other = try duration { () throws in
            #expect(try client.ask(NamesClient.query("b.example"))?.header.responseCode == .serverFailure)
        }
        #expect(other < .milliseconds(1500), "\(other)")
    }

    @Test func withoutRecursionOnlyWhatIsKnownIsAnswered() throws {
        let upstream = try NamesUpstream(NamesUpstream.answering)
        defer { upstream.stop() }
        let node = try NamesNode(upstream: upstream.address)
        var query = NamesClient.query("example.com")
        query.header.recursionDesired = false
        #expect(try node.client().ask(query)?.header.responseCode == .refused)
        _ = try node.client().ask(NamesClient.query("example.com"))
        #expect(try node.client().ask(query)?.answers.count == 1)
        #expect(upstream.queries.count == 1)
    }

    @Test func saysWhatItHolds() throws {
        let upstream = try NamesUpstream(NamesUpstream.answering)
        defer { upstream.stop() }
        let node = try NamesNode(upstream: upstream.address) { $0.upstreams = [upstream.address] }
        for name in ["a.example", "a.example", "b.example", "wallet"] { _ = try node.client().ask(NamesClient.query(name)) }
        for _ in 0..<50 where node.server.status.cache.entries < 2 { usleep(20_000) }
        usleep(200_000)
        let status = node.server.status
        #expect(status.cache.entries == 2 && status.cache.hits == 1 && status.cache.misses == 2 && status.waiting == 0)
        #expect(status.upstreams.map(\.address) == [upstream.address] && status.upstreams[0].isConfigured)
        #expect(status.upstreams[0].queries == 2 && status.upstreams[0].answers == 2 && status.upstreams[0].latency > 0)
        #expect(node.server.counters.services.keys.map(\.rawValue) == [1])
    }
}
