import MeshDataPlane
import MeshProtocols
import MeshTypes
import Testing

/// What the node answers itself.
struct NamesMeshTests {
    private static func node() throws -> (NamesNode, NamesUpstream) {
        let upstream = try NamesUpstream(NamesUpstream.answering)
        return (try NamesNode(upstream: upstream.address), upstream)
    }

    static let forms = [
        "wallet", "wallet.", "wallet.default", "wallet.default.svc", "wallet.default.svc.cluster.local",
        "wallet.default.svc.cluster.local.",
        "WALLET.Default.SVC.Cluster.LOCAL", "wallet.svc", "wallet.svc.cluster.local", "purse", "purse.default.svc.cluster.local",
    ]

    @Test func answersEveryFormOfANameWithTheVirtualAddresses() throws {
        let (node, upstream) = try Self.node()
        defer { upstream.stop() }
        for client in [try node.client(), try node.client6()] {
            for form in Self.forms {
                let query = NamesClient.query(form)
                let reply = try #require(try client.ask(query), "\(form)")
                #expect(reply.header.id == query.header.id)
                #expect(reply.header.isAuthoritative && reply.header.recursionAvailable)
                #expect(reply.question.name.wire == query.question.name.wire, "spelled as it was asked")
                #expect(reply.answers.map(\.data) == [.a(NamesNode.wallet.v4)], "\(form)")
                #expect(reply.answers.allSatisfy { (1...30).contains($0.timeToLive) }, "soon asked again")
                let reply6 = try #require(try client.ask(NamesClient.query(form, .aaaa)))
                #expect(reply6.answers.map(\.data) == [.aaaa(NamesNode.wallet.v6)], "\(form)")
            }
        }
        #expect(upstream.queries.isEmpty)
    }

    @Test func answersTheFamilyOfTheEndpointsAndThatInWhichItIsAsked() throws {
        let (node, upstream) = try Self.node()
        defer { upstream.stop() }
        // The workload asked a server with an IPv4 address.
        let client = try node.client()
        func addresses(_ name: String, _ type: DNSType) throws -> [DNSRecord.Data] {
            try #require(try client.ask(NamesClient.query(name, type))).answers.map(\.data)
        }
        #expect(try addresses("old", .a) == [.a(NamesNode.old.v4)])
        #expect(try addresses("old", .aaaa) == [])
        #expect(try addresses("new", .a) == [.a(NamesNode.new.v4)])
        #expect(try addresses("new", .aaaa) == [.aaaa(NamesNode.new.v6)])
    }

    @Test(arguments: ["ledger.bank", "ledger.bank.svc", "ledger.bank.svc.cluster.local"])
    func answersForOtherNamespaces(_ name: String) throws {
        let (node, upstream) = try Self.node()
        defer { upstream.stop() }
        let reply = try #require(try node.client().ask(NamesClient.query(name)))
        #expect(reply.answers.map(\.data) == [.a(NamesNode.ledger)])
    }

    /// TXT, MX, SRV, HTTPS; and AAAA of a service that has none: the name exists (RFC 2308 §2.2).
    @Test(
        arguments: [("wallet", 16), ("wallet.default.svc", 15), ("wallet", 33), ("wallet", 65), ("ledger.bank", 28)] as [(String, UInt16)])
    func answersOtherTypesWithNoData(_ name: String, _ type: UInt16) throws {
        let (node, upstream) = try Self.node()
        defer { upstream.stop() }
        let reply = try #require(try node.client().ask(NamesClient.query(name, DNSType(rawValue: type))))
        #expect(reply.header.responseCode == .noError)
        #expect(reply.answers.isEmpty)
        #expect(reply.authority.map(\.type) == [.soa])
        #expect(upstream.queries.isEmpty)
    }

    @Test(arguments: ["nobody.default.svc.cluster.local", "nobody.svc", "a.b.c.svc", "wallet.bank.svc", "nobody.cluster.local"])
    func saysThatUnknownNamesOfTheMeshDoNotExist(_ name: String) throws {
        let (node, upstream) = try Self.node()
        defer { upstream.stop() }
        let reply = try #require(try node.client().ask(NamesClient.query(name)))
        #expect(reply.header.responseCode == .noSuchName)
        #expect(reply.authority.count == 1)
        #expect(upstream.queries.isEmpty)
        #expect(node.server.counters[.noSuchName] == 1)
    }

    @Test(arguments: ["nobody.default", "example.com", "wallet.default.example.com", "svc.example.com"])
    func asksOnForOtherNames(_ name: String) throws {
        let (node, upstream) = try Self.node()
        defer { upstream.stop() }
        let reply = try #require(try node.client().ask(NamesClient.query(name)))
        #expect(reply.answers.map(\.data) == [.a(IPAddress("192.0.2.0")!)])
        #expect(upstream.queries.map(\.message.question.name) == [DNSName(name)!])
    }

    /// A socket may have outlived the daemon before this one: what was asked meanwhile is answered, and from nothing but a snapshot.
    @Test func keepsWhatIsAskedUntilTheFirstSnapshotAndAsksNobody() throws {
        let upstream = try NamesUpstream(NamesUpstream.answering)
        defer { upstream.stop() }
        let node = try NamesNode(upstream: upstream.address, publishes: false)
        let client = try node.client()
        _ = client.socket.write(NamesClient.query("wallet").encoded())
        #expect(client.receive(milliseconds: 300) == nil)
        #expect(upstream.queries.isEmpty)
        node.server.publish(NamesNode.snapshot)
        let reply = try DNSMessage(#require(client.receive()))
        #expect(reply.answers.count == 1)
        #expect(upstream.queries.isEmpty)
    }

    // MARK: What is no proper query

    @Test func answersWhatItCannotReadWithFormatError() throws {
        let (node, upstream) = try Self.node()
        defer { upstream.stop() }
        let client = try node.client()
        _ = client.socket.write([0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1])
        #expect(client.receive() == [0xab, 0xcd, 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0])
        #expect(node.server.counters[.malformed] == 1)
    }

    /// Else two servers could keep each other busy.
    @Test func answersNoAnswers() throws {
        let (node, upstream) = try Self.node()
        defer { upstream.stop() }
        let client = try node.client()
        var answer = NamesClient.query("wallet")
        answer.header.isResponse = true
        for bytes in [answer.encoded(), [0xab, 0xcd, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0], [1, 2, 3]] { _ = client.socket.write(bytes) }
        #expect(try client.ask(NamesClient.query("wallet", id: 7))?.header.id == 7, "the first that comes back")
        #expect(node.server.counters[.malformed] == 3)
    }

    @Test func ignoresDatagramsToNoSlot() throws {
        let (node, upstream) = try Self.node()
        defer { upstream.stop() }
        let client = try node.client(slot: 200)
        _ = client.socket.write(NamesClient.query("wallet").encoded())
        #expect(client.receive(milliseconds: 200) == nil)
        #expect(node.server.counters[.malformed] == 1)
    }

    @Test func refusesOtherOperationsAndLaterVersionsOfEDNS() throws {
        let (node, upstream) = try Self.node()
        defer { upstream.stop() }
        let client = try node.client()
        var notify = NamesClient.query("wallet")
        notify.header.flags |= 4 << 11
        #expect(try client.ask(notify)?.header.responseCode == .notImplemented)
        var later = NamesClient.query("wallet")
        later.options = DNSOptions(payloadSize: 1232, version: 1)
        let reply = try #require(try client.ask(later))
        #expect(reply.options?.extendedCode == 1 && reply.options?.version == 0)
        #expect(reply.answers.isEmpty)
    }

    @Test func speaksEDNSOnlyToWhoDoes() throws {
        let (node, upstream) = try Self.node()
        defer { upstream.stop() }
        let client = try node.client()
        #expect(try client.ask(NamesClient.query("wallet"))?.options == nil)
        #expect(try client.ask(NamesClient.query("wallet", payload: 4096))?.options?.payloadSize == 1232)
    }
}
