import Glibc
import MeshDataPlane
import MeshProtocols
import MeshRuntime
import MeshTypes
import Testing

/// Where services listen (SRV), what addresses are called (PTR), who may know of whom, and what never leaves the node.
struct NamesServiceTests {
    private static func node(_ adapt: (inout NameServerOptions) -> Void = { _ in }) throws -> (NamesNode, NamesUpstream) {
        let upstream = try NamesUpstream(NamesUpstream.answering)
        return (try NamesNode(upstream: upstream.address, adapt), upstream)
    }

    private static let fullName = DNSName("wallet.default.svc.cluster.local")!

    /// Whoever watches for threads that hang must not take sleep for it.
    @Test func aServerThatNobodyAsksIsAlive() throws {
        let (node, upstream) = try Self.node()
        defer { upstream.stop() }
        for _ in 0..<3 {
            let before = MonotonicClock.now()
            #expect(node.server.signOfLife() >= before, "it slept, and is not late")
            usleep(300_000)
        }
    }

    @Test func aServerThatDoesNotTurnGivesNoSign() throws {
        let server = try NameServer(options: NameServerOptions()) { _ in nil }
        let asked = server.signOfLife()
        usleep(10_000)
        for _ in 0..<2 { #expect(server.signOfLife() == asked, "nobody started it") }
    }

    // MARK: SRV

    @Test(arguments: [
        "_http._tcp.wallet", "_http._tcp.wallet.default", "_HTTP._TCP.wallet.default.svc", "_http._tcp.purse",
        "_http._tcp.wallet.svc.cluster.local", "_http._tcp.wallet.default.svc.cluster.local",
    ])
    func saysWhereAServiceListensAndAtWhichAddress(_ name: String) throws {
        let (node, upstream) = try Self.node()
        defer { upstream.stop() }
        let reply = try #require(try node.client().ask(NamesClient.query(name, .srv)))
        #expect(reply.answers.map(\.data) == [.srv(priority: 0, weight: 100, port: 80, target: Self.fullName)])
        #expect(reply.answers.map(\.name) == [DNSName(name)!] && reply.header.isAuthoritative)
        #expect(reply.additional.map(\.data) == [.a(NamesNode.wallet.v4), .aaaa(NamesNode.wallet.v6)])
        #expect(reply.additional.allSatisfy { $0.name == Self.fullName })
        #expect(upstream.queries.isEmpty)
    }

    @Test(
        arguments: [
            ("_http._tcp.wallet", 1, 0), ("_tcp.wallet", 33, 0), ("_tcp.wallet.default.svc", 1, 0), ("_http._udp.wallet", 33, 3),
            ("_udp.wallet", 33, 3), ("_grpc._tcp.wallet", 33, 3), ("_http._tcp.ledger.bank.svc", 33, 3),
            ("_tcp._tcp.ledger.bank.svc", 33, 0),
            ("_http._tcp.nobody.svc", 33, 3), ("_http._tcp.default.svc.cluster.local", 33, 3), ("_x._http._tcp.wallet.svc", 33, 3),
        ] as [(String, UInt16, UInt8)])
    func otherNamesBelowAServiceAreEmptyOrMissing(_ name: String, _ type: UInt16, _ code: UInt8) throws {
        let (node, upstream) = try Self.node()
        defer { upstream.stop() }
        let reply = try #require(try node.client().ask(NamesClient.query(name, DNSType(rawValue: type))))
        #expect(reply.header.responseCode.rawValue == code)
        #expect(reply.answers.count == (name == "_tcp._tcp.ledger.bank.svc" ? 1 : 0))
        #expect(reply.answers.isEmpty == reply.authority.contains { $0.type == .soa })
        #expect(upstream.queries.isEmpty)
    }

    // MARK: PTR

    @Test func virtualAddressesHaveTheNameOfTheirService() throws {
        let (node, upstream) = try Self.node()
        defer { upstream.stop() }
        let client = try node.client()
        for address in [NamesNode.wallet.v4, NamesNode.wallet.v6] {
            let query = NamesClient.query(DNSReverseName.name(of: address).description, .ptr)
            #expect(try client.ask(query)?.answers == [.pointer(query.question.name, to: Self.fullName, timeToLive: 5)])
        }
        let loopback = NamesClient.query("1.0.0.127.in-addr.arpa", .ptr)
        #expect(try client.ask(loopback)?.answers == [.pointer(loopback.question.name, to: DNSName("localhost")!, timeToLive: 5)])
        #expect(upstream.queries.isEmpty)
    }

    @Test func othersInTheVirtualNetworksDoNotExist() throws {
        let (node, upstream) = try Self.node()
        defer { upstream.stop() }
        let client = try node.client()
        let missing = try #require(try client.ask(NamesClient.query("99.7.64.240.in-addr.arpa", .ptr)))
        #expect(missing.header.responseCode == .noSuchName && missing.authority.first?.name == DNSName("64.240.in-addr.arpa"))
        let empty = try #require(try client.ask(NamesClient.query("7.64.240.in-addr.arpa", .ptr)))
        #expect(empty.header.responseCode == .noError && empty.answers.isEmpty)
        #expect(upstream.queries.isEmpty)
        for outside in ["1.0.0.10.in-addr.arpa", "240.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa"] {
            _ = try client.ask(NamesClient.query(outside, .ptr))
        }
        #expect(upstream.queries.count == 3)
    }

    // MARK: Who may know

    @Test func aViewShowsOnlyWhatTheAskerMayCall() throws {
        let (node, upstream) = try Self.node { $0.view = .callable }
        defer { upstream.stop() }
        let client = try node.client()
        for name in ["wallet", "purse", "wallet.default.svc.cluster.local", "caller"] {
            #expect(try client.ask(NamesClient.query(name))?.header.responseCode == .noError, "\(name)")
        }
        let hidden = [
            "old", "old.default", "old.default.svc.cluster.local", "ledger.bank.svc", "_tcp._tcp.old", "_tcp.old",
            DNSReverseName.name(of: NamesNode.old.v4).description,
        ]
        for name in hidden {
            for type in [.a, .srv, .ptr] as [DNSType] {
                let reply = try #require(try client.ask(NamesClient.query(name, type)))
                #expect(reply.header.responseCode == .noSuchName && reply.answers.isEmpty && reply.additional.isEmpty, "\(name)")
            }
        }
        #expect(node.server.counters[.hidden] == UInt64(hidden.count * 3))
        #expect(upstream.queries.isEmpty, "nobody else is told of them")
    }

    @Test func withoutAViewAllAreShown() throws {
        let (node, upstream) = try Self.node()
        defer { upstream.stop() }
        #expect(try node.client().ask(NamesClient.query("old"))?.answers.count == 1)
    }

    // MARK: What never leaves the node

    /// A resolver with `search default.svc.cluster.local svc.cluster.local cluster.local` and `ndots:5`: one question goes out.
    @Test func anOutsideNameIsAskedOnceWhateverIsSearched() throws {
        let (node, upstream) = try Self.node()
        defer { upstream.stop() }
        let client = try node.client()
        for suffix in [".default.svc.cluster.local", ".svc.cluster.local", ".cluster.local", ""] {
            for type in [DNSType.a, .aaaa] {
                let reply = try #require(try client.ask(NamesClient.query("www.example.com" + suffix, type)))
                #expect(reply.header.responseCode == (suffix.isEmpty ? .noError : .noSuchName))
            }
        }
        #expect(upstream.queries.map(\.message.question.name) == [DNSName("www.example.com")!, DNSName("www.example.com")!])
    }

    @Test(arguments: [
        "ledger", "wallet.bank", "nobody", "wallet.default.svc.cluster.local.example.com", "nobody.default.svc.cluster.local.example.com",
        "wallet.default.svc.example.com", "x.svc", "y.cluster.local", "secret.onion", "x.invalid",
    ])
    func namesOfTheMeshAreNotForwarded(_ name: String) throws {
        let (node, upstream) = try Self.node()
        defer { upstream.stop() }
        for type in [.a, .aaaa, .srv, .txt, .mx] as [DNSType] {
            #expect(try node.client().ask(NamesClient.query(name, type))?.header.responseCode == .noSuchName)
        }
        #expect(upstream.queries.isEmpty)
    }

    @Test func namesOfOneLabelAreForwardedIfSoConfigured() throws {
        let (node, upstream) = try Self.node { $0.forwardsSingleLabels = true }
        defer { upstream.stop() }
        #expect(try node.client().ask(NamesClient.query("printer"))?.answers.count == 1)
        #expect(try node.client().ask(NamesClient.query("ledger"))?.header.responseCode == .noSuchName, "a service of another namespace")
        #expect(upstream.queries.count == 1)
    }

    /// Who verifies signatures asks about `com`.
    @Test func zonesOfOneLabelAreForwarded() throws {
        let (node, upstream) = try Self.node()
        defer { upstream.stop() }
        let client = try node.client()
        for type in [.ds, .dnskey, .ns, .soa] as [DNSType] { _ = try client.ask(NamesClient.query("com", type)) }
        _ = try client.ask(NamesClient.query(".", .ns))
        #expect(upstream.queries.count == 5)
    }

    @Test func localhostIsThisHost() throws {
        let (node, upstream) = try Self.node()
        defer { upstream.stop() }
        for name in ["localhost", "x.localhost"] {
            #expect(try node.client().ask(NamesClient.query(name))?.answers.map(\.data) == [.a(.v4Loopback)])
            #expect(try node.client().ask(NamesClient.query(name, .aaaa))?.answers.map(\.data) == [.aaaa(.v6Loopback)])
        }
        #expect(upstream.queries.isEmpty)
    }

    @Test func otherClassesAndTransfersAreRefused() throws {
        let (node, upstream) = try Self.node()
        defer { upstream.stop() }
        var chaos = NamesClient.query("version.bind", .txt)
        chaos.question.kind = 3
        var mesh = NamesClient.query("wallet.default.svc.cluster.local")
        mesh.question.kind = 3
        for query in [chaos, mesh, NamesClient.query("example.com", .axfr), NamesClient.query("example.com", .ixfr)] {
            #expect(try node.client().ask(query)?.header.responseCode == .refused)
        }
        #expect(upstream.queries.isEmpty && node.server.counters[.refused] == 4)
    }
}
