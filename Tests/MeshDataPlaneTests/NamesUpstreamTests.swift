import Glibc
import MeshDataPlane
import MeshProtocols
import MeshTypes
import Synchronization
import Testing

/// Upstreams that are old, peculiar, unwilling or lying.
struct NamesUpstreamTests {
    private static func ask(
        _ respond: @escaping @Sendable (NamesUpstream.Query) -> [[UInt8]]
    ) throws -> (DNSMessage?, NamesUpstream, NamesNode) {
        let upstream = try NamesUpstream(respond)
        let node = try NamesNode(upstream: upstream.address) {
            $0.retransmission = 300_000_000
            $0.timeout = 1_500_000_000
        }
        return (try node.client().ask(NamesClient.query("www.example.com")), upstream, node)
    }

    @Test func spellsNamesAtRandomAndAsksWithEDNS() throws {
        let (reply, upstream, _) = try Self.ask(NamesUpstream.answering)
        defer { upstream.stop() }
        #expect(reply?.answers.count == 1)
        let query = try #require(upstream.queries.first?.message)
        #expect(query.options?.payloadSize == 1232 && query.options?.options.isEmpty == true)
        #expect(query.question.name == DNSName("www.example.com"))
    }

    /// Who wants to forge an answer does not know the spelling; the question is put anew where an answer cannot be forged.
    @Test func verifiesOverTCPWhatIsSpelledOtherwise() throws {
        let (reply, upstream, node) = try Self.ask { query in
            guard !query.isStream else { return NamesUpstream.answering(query) }
            var forged = NamesUpstream.answer(query.message, count: 3)
            forged.question.name = DNSName(
                wire: query.message.question.name.wire.map { ($0 | 0x20) >= 0x61 && ($0 | 0x20) <= 0x7a ? $0 ^ 0x20 : $0 })
            return [forged.encoded()]
        }
        defer { upstream.stop() }
        #expect(reply?.answers.count == 1, "not the three of the forger")
        #expect(upstream.queries.map(\.isStream) == [false, true])
        #expect(node.server.counters.unsolicited == 1)
    }

    /// Servers that answer in lower case exist.
    @Test func learnsThatAServerSpellsNamesInItsOwnWay() throws {
        let lower: @Sendable (NamesUpstream.Query) -> [[UInt8]] = { query in
            var message = query.message
            message.question.name = message.question.name.lowercased
            return [NamesUpstream.answer(message).encoded()]
        }
        let upstream = try NamesUpstream(lower)
        defer { upstream.stop() }
        let node = try NamesNode(upstream: upstream.address)
        for number in 0..<5 { #expect(try node.client().ask(NamesClient.query("abcdefghijklmnop\(number).example"))?.answers.count == 1) }
        #expect(upstream.queries.filter(\.isStream).count == 1)
    }

    @Test func asksWithoutEDNSWhoDoesNotKnowIt() throws {
        let upstream = try NamesUpstream { query in
            guard query.message.options == nil else {
                return [DNSMessage(header: query.message.header.answering(.formatError), question: query.message.question).encoded()]
            }
            return NamesUpstream.answering(query)
        }
        defer { upstream.stop() }
        let node = try NamesNode(upstream: upstream.address)
        for name in ["a.example", "b.example"] {
            let reply = try #require(try node.client().ask(NamesClient.query(name, payload: 4096)))
            #expect(reply.answers.count == 1 && reply.options?.payloadSize == 1232)
        }
        #expect(upstream.queries.map { $0.message.options != nil } == [true, false, false], "it is remembered")
    }

    @Test func asksTheNextOneWhenOneWillNotSay() throws {
        for code in [DNSResponseCode.serverFailure, .refused, DNSResponseCode(rawValue: 9)] {
            let unwilling = try NamesUpstream {
                [DNSMessage(header: $0.message.header.answering(code), question: $0.message.question).encoded()]
            }
            let willing = try NamesUpstream(NamesUpstream.answering)
            let node = try NamesNode(upstream: unwilling.address) { $0.upstreams = [unwilling.address, willing.address] }
            let took = try duration { () throws in
                #expect(try node.client().ask(NamesClient.query("example.com"))?.answers.count == 1)
            }
            #expect(took < .milliseconds(500))
            #expect(unwilling.queries.count == 1)
            unwilling.stop()
            willing.stop()
        }
    }

    @Test func failsAtOnceWhenNobodyWillSay() throws {
        let (reply, upstream, node) = try Self.ask {
            [DNSMessage(header: $0.message.header.answering(.serverFailure), question: $0.message.question).encoded()]
        }
        defer { upstream.stop() }
        #expect(reply?.header.responseCode == .serverFailure && upstream.queries.count == 1)
        usleep(200_000)
        #expect(node.server.status.upstreams.map(\.isDown) == [false], "it lives")
    }

    @Test func prefersTheOneThatAnswers() throws {
        let silent = try NamesUpstream(NamesUpstream.silent)
        let willing = try NamesUpstream(NamesUpstream.answering)
        defer {
            silent.stop()
            willing.stop()
        }
        let node = try NamesNode(upstream: silent.address) {
            $0.upstreams = [silent.address, willing.address]
            $0.retransmission = 100_000_000
        }
        for number in 0..<3 { _ = try node.client().ask(NamesClient.query("n\(number).example")) }
        let before = silent.queries.filter { $0.message.question.name != .root }.count
        let took = try duration { () throws in
            for number in 0..<20 { #expect(try node.client().ask(NamesClient.query("m\(number).example"))?.answers.count == 1) }
        }
        #expect(took < .seconds(1), "\(took)")
        #expect(silent.queries.filter { $0.message.question.name != .root }.count == before)
    }

    /// It is slow for this name, but it does answer.
    @Test func takesTheAnswerOfASlowServer() throws {
        let (reply, upstream, _) = try Self.ask { query in
            usleep(700_000)
            return NamesUpstream.answering(query)
        }
        defer { upstream.stop() }
        #expect(reply?.answers.count == 1)
    }

    @Test func passesOnThatAnAnswerIsTooLongWhenThereIsNoTCP() throws {
        let (reply, upstream, node) = try Self.ask { query in
            query.isStream ? [] : [NamesUpstream.answer(query.message, count: 100).encoded(limit: 512)]
        }
        defer { upstream.stop() }
        #expect(reply?.header.isTruncated == true && reply?.header.responseCode == .noError)
        #expect(try node.connect().ask(NamesClient.query("www.example.com"))?.header.responseCode == .serverFailure)
    }

    @Test func answersThatCannotBeReadOrAreForOthersAreNoAnswers() throws {
        let (reply, upstream, _) = try Self.ask { query in
            var bytes = NamesUpstream.answer(query.message).encoded()
            bytes.removeLast(3)
            return [bytes]
        }
        defer { upstream.stop() }
        #expect(reply?.header.responseCode == .serverFailure)
        let (second, other, _) = try Self.ask { query in
            var message = NamesUpstream.answer(query.message)
            message.answers.append(DNSRecord(name: DNSName("bank.example")!, timeToLive: 60, data: .a(IPAddress("192.0.2.66")!)))
            message.additional = [message.answers[1]]
            return [message.encoded()]
        }
        defer { other.stop() }
        #expect(second?.answers.count == 1 && second?.additional.isEmpty == true)
    }

    // MARK: Signatures

    @Test func verificationIsPassedOnOnlyWhereItIsTrusted() throws {
        let upstream = try NamesUpstream { query in
            var reply = NamesUpstream.answer(query.message)
            reply.header.isVerified = true
            return [reply.encoded()]
        }
        defer { upstream.stop() }
        for trusts in [false, true] {
            let node = try NamesNode(upstream: upstream.address) { $0.trustsVerification = trusts }
            var query = NamesClient.query("signed.example", payload: 1232)
            #expect(try node.client().ask(query)?.header.isVerified == false, "not asked for")
            query.options?.wantsSignatures = true
            let signed = try #require(try node.client().ask(query))
            #expect(signed.header.isVerified == trusts && signed.options?.wantsSignatures == true)
            query.options?.wantsSignatures = false
            query.header.isVerified = true
            #expect(try node.client().ask(query)?.header.isVerified == trusts)
            query.header.checkingDisabled = true
            #expect(try node.client().ask(query)?.header.checkingDisabled == true)
        }
        let asked = upstream.queries.map(\.message)
        #expect(asked.contains { $0.options?.wantsSignatures == true } && asked.contains { $0.header.checkingDisabled })
        let node = try NamesNode(upstream: upstream.address) { $0.trustsVerification = true }
        #expect(try node.client().ask(NamesClient.query("wallet"))?.header.isVerified == false, "nobody signs the mesh's names")
    }
}
