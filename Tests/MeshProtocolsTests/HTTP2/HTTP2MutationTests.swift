import MeshProtocols
import MeshTypes
import Testing

/// Valid byte streams with seeded random damage: nothing may crash, hang or grow without bound, and no head may hold more lines than fields.
struct HTTP2MutationTests {
    /// What a client sends that asks, talks and ends; and what a server answers.
    static func recordings() -> (client: [UInt8], server: [UInt8]) {
        let pair = MessagePair()
        var client: [UInt8] = []
        var server: [UInt8] = []
        func exchange() {
            while true {
                let up = pair.client.output()
                let down = pair.server.output()
                if up.isEmpty, down.isEmpty { return }
                client += up
                server += down
                pair.server.receive(up)
                pair.client.receive(down)
            }
        }
        for round in 0..<4 as Range<UInt64> {
            let head = round % 2 == 0 ? Heads.post : Heads.post.replacing("/items", with: "/other/\(round)")
            guard let token = pair.client.request(head, hasBody: true) else { break }
            exchange()
            pair.client.send(Samples.bytes(300 * Int(round + 1)), on: token, end: true, trailers: round == 1 ? "x-sum: 1\r\n\r\n" : nil)
            pair.server.inform(round + 1, "HTTP/1.1 103 \r\nlink: a\r\n\r\n")
            pair.server.respond(round + 1, Heads.ok, hasBody: true)
            pair.server.send(Samples.bytes(200), on: round + 1, end: round < 3, trailers: Heads.grpcTrailers)
            pair.client.session.ping()
            exchange()
        }
        pair.client.session.reset(StreamID(rawValue: 7), .cancel)
        pair.server.session.goAway()
        exchange()
        return (client, server)
    }

    @Test(arguments: [UInt64(2), 20_261_125]) func damagedStreamsAreSurvived(seed: UInt64) {
        let recorded = Self.recordings()
        var random = SeededGenerator(seed: seed)
        for round in 0..<3_000 {
            let role: HTTP2Session.Role = round % 2 == 0 ? .server : .client
            let end = MessageEnd(role)
            if role == .client {
                for _ in 0..<4 { _ = end.request(Heads.get) }
                _ = end.output()
            } else {
                end.onRequest = { end, _, token in
                    if token % 2 == 0 { end.respond(token, Heads.ok, hasBody: true) }
                    return token
                }
            }
            var bytes = role == .server ? recorded.client : recorded.server
            Damage.strike(&bytes, &random)
            Damage.cut(bytes, &random) { piece in
                let failure = end.receive(piece)
                _ = end.output()
                return failure == nil && end.session.failure == nil
            }
            #expect(end.events.count < 10_000, "seed \(seed) round \(round)")
            #expect(end.session.openStreams >= 0, "seed \(seed) round \(round)")
            for event in end.events { Self.expectLines(event, "seed \(seed) round \(round)") }
        }
    }

    /// Every line of a head is a start line or has a name: no value made a line of its own.
    private static func expectLines(_ event: MessageEnd.Event, _ comment: Comment) {
        guard let head = event.head else { return }
        let bytes = Array(head.utf8)
        #expect(!bytes.contains(0) && bytes.suffix(4) == [13, 10, 13, 10], comment)
        let lines = head.dropLast().split(separator: "\r\n", omittingEmptySubsequences: false).dropLast()
        #expect(lines.allSatisfy { !$0.contains("\r") && !$0.contains("\n") }, comment)
        #expect(lines.first.map { $0.hasSuffix(" HTTP/1.1") || $0.hasPrefix("HTTP/1.1 ") } == true, comment)
        #expect(lines.dropFirst().allSatisfy { $0.contains(": ") }, comment)
    }

    @Test func recordedStreamsAreValid() {
        let recorded = Self.recordings()
        let server = MessageEnd(.server)
        #expect(server.receive(recorded.client) == nil)
        #expect(server.requests.count == 4 && server.events.contains(.trailers(2, "x-sum: 1\r\n\r\n")))
    }

    /// The corpus of tunnels: its frames are malformed for requests too.
    @Test(arguments: Corpus.names) func corpusIsSurvived(_ name: String) throws {
        let bytes = try Corpus.bytes(name)
        for role in [HTTP2Session.Role.server, .client] {
            let end = MessageEnd(role)
            if role == .client { _ = end.request(Heads.get) }
            _ = end.output()
            end.receive(bytes)
            _ = end.output()
            #expect(end.session.openStreams >= 0 && end.requests.isEmpty)
        }
    }
}

extension MessageEnd.Event {
    fileprivate var head: String? {
        switch self {
        case .request(_, let head, _), .response(_, let head, _): head
        default: nil
        }
    }
}
