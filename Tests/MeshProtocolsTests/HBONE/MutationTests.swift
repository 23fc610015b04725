import MeshProtocols
import MeshTypes
import Testing

/// Valid byte streams with seeded random damage: nothing may crash, hang or grow without bound.
struct MutationTests {
    /// What a client sends that opens, talks and ends; and what a server answers.
    private static func recordings() -> (client: [UInt8], server: [UInt8]) {
        let pair = TunnelPair()
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
        for round in 0..<4 {
            guard let token = pair.client.open(Samples.request) else { break }
            exchange()
            pair.client.send(Samples.bytes(300 * (round + 1)), on: token, end: round % 2 == 0)
            pair.server.send(Samples.bytes(200), on: UInt64(round + 1), end: round % 2 == 1)
            pair.client.session.ping()
            exchange()
        }
        pair.client.session.reset(StreamID(rawValue: 3), .cancel)
        pair.server.session.goAway()
        exchange()
        return (client, server)
    }

    @Test(arguments: [UInt64(1), 20_261_123]) func damagedStreamsAreSurvived(seed: UInt64) {
        let recorded = Self.recordings()
        var random = SeededGenerator(seed: seed)
        for round in 0..<3_000 {
            let role: HBONESession.Role = round % 2 == 0 ? .server : .client
            let end = TunnelEnd(role)
            if role == .client {
                for _ in 0..<4 { _ = end.open(Samples.request) }
                _ = end.output()
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
        }
    }

    @Test func recordedStreamsAreValid() {
        let recorded = Self.recordings()
        let server = TunnelEnd(.server)
        #expect(server.receive(recorded.client) == nil)
        #expect(server.events.contains(.request(1, Samples.request)))
    }

    /// Streams that are kept as files: what once did harm, and shapes that a mutation rarely finds.
    @Test(arguments: Corpus.names) func corpusIsSurvived(_ name: String) throws {
        let bytes = try Corpus.bytes(name)
        for role in [HBONESession.Role.server, .client] {
            let end = TunnelEnd(role)
            if role == .client { _ = end.open(Samples.request) }
            _ = end.output()
            end.receive(bytes)
            _ = end.output()
            #expect(end.session.openStreams >= 0)
        }
    }
}
