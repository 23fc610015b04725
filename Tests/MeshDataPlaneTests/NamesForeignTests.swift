import Glibc
import MeshDataPlane
import MeshProtocols
import MeshTypes
import Synchronization
import Testing

/// Names outside the mesh: who may ask for which, and who is asked.
struct NamesForeignTests {
    private static let api = "api.example.com"

    /// The server that a workload names decides nothing: neither the node's own, nor one that nobody should reach.
    @Test func theServerThatTheWorkloadNamedIsNeverAsked() throws {
        let upstream = try NamesUpstream(NamesUpstream.answering)
        let named = try NamesUpstream(NamesUpstream.answering)
        defer {
            upstream.stop()
            named.stop()
        }
        let node = try NamesNode(upstream: upstream.address, asked: named.address)
        #expect(try node.client().ask(NamesClient.query("www.example.com"))?.answers.count == 1)
        #expect(try node.connect().ask(NamesClient.query("mail.example.com"))?.answers.count == 1)
        #expect(upstream.queries.count == 2 && named.queries.isEmpty)
        let alone = try NamesNode(upstream: upstream.address, asked: named.address) { $0.upstreams = [] }
        let reply = try #require(try alone.client().ask(NamesClient.query("www.example.com", payload: 1232)))
        #expect(
            reply.header.responseCode == .serverFailure && reply.options?.options.dropFirst(5).first == 22, "nobody is there to be asked")
        // The name server hears of others from another thread.
        func eventually(_ holds: () throws -> Bool) rethrows -> Bool {
            for _ in 0..<100 {
                if try holds() { return true }
                usleep(20_000)
            }
            return false
        }
        alone.server.use([upstream.address])
        #expect(try eventually { try alone.client().ask(NamesClient.query("www.example.com"))?.answers.count == 1 })
        alone.server.use([])
        var number = 0
        #expect(
            try eventually {
                number += 1
                return try alone.client().ask(NamesClient.query("other\(number).example.com"))?.header.responseCode == .serverFailure
            })
        #expect(named.queries.isEmpty)
    }

    @Test func namesThatAreNotListedAreRefusedCountedAndReported() throws {
        let reports = Mutex<[NameRefusalReport]>([])
        let upstream = try NamesUpstream(NamesUpstream.answering)
        defer { upstream.stop() }
        let node = try NamesNode(upstream: upstream.address, report: { report in reports.withLock { $0.append(report) } })
        let client = try node.client(slot: NamesNode.listed)
        #expect(try client.ask(NamesClient.query(Self.api))?.answers.count == 1)
        #expect(try client.ask(NamesClient.query("a.b.cdn.example"))?.answers.count == 1)
        for name in ["evil.example", "x.api.example.com", "8.8.8.8.in-addr.arpa"] {
            let reply = try #require(try client.ask(NamesClient.query(name, payload: 1232)))
            #expect(reply.header.responseCode == .noSuchName && reply.authority.isEmpty, "\(name)")
            #expect(reply.options?.options.dropFirst(5).first == 15, "blocked")
        }
        #expect(try client.ask(NamesClient.query("evil.example"))?.header.responseCode == .noSuchName)
        #expect(try client.ask(NamesClient.query(Self.api, DNSType(rawValue: 10)))?.header.responseCode == .refused)
        #expect(try client.ask(NamesClient.query("wallet"))?.answers.count == 1, "the mesh's names are asked of nobody")
        #expect(upstream.queries.count == 2)
        let counters = node.server.counters
        #expect(counters[.nameRefused] == 5 && counters.refusals.values.map { $0 } == [[.notListed: 4, .type: 1]])
        #expect(reports.withLock { $0.map(\.question.name.escaped) }.prefix(2) == ["evil.example", "x.api.example.com"])
        #expect(reports.withLock { $0.allSatisfy { $0.workload.rawValue == NamesNode.listed } })
    }

    /// What another workload may ask for and is kept is no answer for who may not.
    @Test func keptAnswersAreOnlyForWhoMayAsk() throws {
        let upstream = try NamesUpstream(NamesUpstream.answering)
        defer { upstream.stop() }
        let node = try NamesNode(upstream: upstream.address)
        #expect(try node.client().ask(NamesClient.query("secret.example"))?.answers.count == 1)
        #expect(try node.client(slot: NamesNode.listed).ask(NamesClient.query("secret.example"))?.header.responseCode == .noSuchName)
    }

    @Test func anAuditCountsAndAsksAllTheSame() throws {
        let upstream = try NamesUpstream(NamesUpstream.answering)
        defer { upstream.stop() }
        let node = try NamesNode(upstream: upstream.address) { $0.names.isEnforced = false }
        #expect(try node.client(slot: NamesNode.listed).ask(NamesClient.query("evil.example"))?.answers.count == 1)
        #expect(node.server.counters[.nameRefused] == 0 && node.server.counters.refusals.values.map { $0 } == [[.notListed: 1]])
    }

    @Test func aWorkloadThatAsksTooMuchHasNoShareOfOthers() throws {
        let upstream = try NamesUpstream(NamesUpstream.answering)
        defer { upstream.stop() }
        let node = try NamesNode(upstream: upstream.address) { $0.names.questionsAtOnce = 5 }
        let client = try node.client(slot: 5)
        for number in 0..<5 { #expect(try client.ask(NamesClient.query("n\(number).example"))?.answers.count == 1) }
        var refused = 0
        for number in 5..<100 where try client.ask(NamesClient.query("n\(number).example"))?.header.responseCode == .serverFailure {
            refused += 1
        }
        #expect(refused > 50, "\(refused)")
        #expect(try client.ask(NamesClient.query("n0.example"))?.answers.count == 1, "what is kept costs nothing")
        #expect(try node.client(slot: 6).ask(NamesClient.query("n1000.example"))?.answers.count == 1)
    }

    /// Names whose own servers are silent do not take the upstream from others.
    @Test func anUpstreamIsNotDownForNamesThatNobodyAnswers() throws {
        let silent = DNSName("silent.example")!
        let upstream = try NamesUpstream { $0.message.question.name.isWithin(silent) ? [] : NamesUpstream.answering($0) }
        defer { upstream.stop() }
        let node = try NamesNode(upstream: upstream.address) {
            $0.retransmission = 50_000_000
            $0.timeout = 400_000_000
        }
        let attacker = try node.client(slot: 5)
        for number in 0..<100 as Range<UInt16> {
            _ = attacker.socket.write(NamesClient.query("n\(number).silent.example", id: number).encoded())
        }
        for _ in 0..<100 { #expect(try DNSMessage(try #require(attacker.receive())).header.responseCode == .serverFailure) }
        usleep(300_000)
        let status = node.server.status.upstreams
        #expect(status.map(\.isDown) == [false] && status[0].failuresByKind[.timeout] ?? 0 >= 100)
        #expect(upstream.queries.contains { $0.message.question.name == .root }, "it was asked whether it lives")
        #expect(try node.client(slot: 6).ask(NamesClient.query("www.example.com"))?.answers.count == 1)
    }

    // MARK: The mesh's zone

    @Test func theApexHasTheAuthorityThatNegativeAnswersName() throws {
        let node = try NamesNode(upstream: SocketAddress("127.0.0.1:9")!)
        let client = try node.client()
        let negative = try #require(try client.ask(NamesClient.query("nobody.default.svc.cluster.local"))?.authority.first)
        let apex = try #require(try client.ask(NamesClient.query("Cluster.Local", .soa)))
        #expect(apex.header.responseCode == .noError && apex.header.isAuthoritative && apex.authority.isEmpty)
        #expect(apex.answers == [negative])
        let reverse = try #require(try client.ask(NamesClient.query("64.240.in-addr.arpa", .soa)))
        #expect(reverse.answers.map(\.type) == [.soa])
        for name in ["svc.cluster.local", "default.svc.cluster.local"] {
            let below = try #require(try client.ask(NamesClient.query(name, .soa)))
            #expect(below.answers.isEmpty && below.authority == [negative], "\(name)")
        }
        let other = try #require(try client.ask(NamesClient.query("cluster.local", .mx)))
        #expect(other.answers.isEmpty && other.authority == [negative])
    }
}
