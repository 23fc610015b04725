import MeshProtocols
import MeshTypes
import Testing

struct FlowControlTests {
    @Test func aStalledStreamDoesNotStopAnother() {
        var limits = HBONELimits()
        limits.streamWindow = 64 << 10
        limits.connectionWindow = 1 << 20
        let pair = TunnelPair(server: limits)
        pair.settle()
        let (stalled, stalledThere) = pair.openedTunnel()
        let (flowing, flowingThere) = pair.openedTunnel()
        pair.server.stalled.insert(stalledThere)
        pair.client.send(Samples.bytes(1 << 20), on: stalled)
        pair.client.send(Samples.bytes(1 << 20), on: flowing, end: true)
        pair.settle()
        #expect(pair.server.received[stalledThere]?.count == 64 << 10)
        #expect(pair.server.received[flowingThere] == Samples.bytes(1 << 20))
        pair.server.stalled = []
        pair.server.session.consumed(pair.server.streams[stalledThere]!, 64 << 10)
        pair.settle()
        #expect(pair.server.received[stalledThere] == Samples.bytes(1 << 20))
    }

    @Test func withoutConnectionCreditTheSenderStopsAtTheWindow() {
        var limits = HBONELimits()
        limits.connectionWindow = 200_000
        let server = TunnelEnd(.server, limits: limits)
        let client = TunnelEnd(.client)
        client.receive(server.output())
        server.receive(client.output())
        let token = client.open(Samples.request)!
        client.send(Samples.bytes(1_000_000), on: token)
        // The bytes stay unread: what the client may send is what the windows allow.
        #expect((200_000...202_000).contains(client.output().count))
    }

    @Test func oneDataFrameFillsOneTLSRecord() {
        let pair = TunnelPair()
        let (client, _) = pair.openedTunnel()
        pair.client.send(Samples.bytes(100_000), on: client)
        var sizes: [Int] = []
        while let frame = pair.client.session.nextOutput() { sizes.append(frame.count) }
        #expect(sizes == [16_384, 16_384, 16_384, 16_384, 16_384, 16_384, 100_000 - 6 * 16_375 + 9])
    }

    @Test func bulkDoesNotStarveSmallMessages() {
        let pair = TunnelPair()
        let (bulk, _) = pair.openedTunnel()
        let (small, _) = pair.openedTunnel()
        pair.client.send(Samples.bytes(2_000_000), on: bulk)
        _ = pair.client.session.nextOutput()
        pair.client.send([42], on: small)
        let following = (0..<3).compactMap { _ in pair.client.session.nextOutput()?.count }
        #expect(following.contains(10), "the small frame waits for a few bulk frames at most, not for all: \(following)")
    }

    @Test func framesOfManyStreamsComeBackToBack() {
        let pair = TunnelPair()
        let tunnels = (0..<64).map { _ in pair.openedTunnel() }
        for tunnel in tunnels { pair.client.send(Samples.bytes(128), on: tunnel.client) }
        var sizes: [Int] = []
        while let frame = pair.client.session.nextOutput() { sizes.append(frame.count) }
        #expect(sizes == Array(repeating: 137, count: 64))
    }

    @Test func aPeerThatNeverGivesWindowIsGivenUpAfterTheTimeout() {
        var limits = HBONELimits()
        limits.stallTimeout = 1_000
        var narrow = HBONELimits()
        narrow.connectionWindow = 100_000
        let client = TunnelEnd(.client, limits: limits)
        let server = TunnelEnd(.server, limits: narrow)
        client.receive(server.output())
        server.receive(client.output())
        let token = client.open(Samples.request)!
        client.send(Samples.bytes(1_000_000), on: token)
        _ = client.output()
        #expect(client.session.tick(now: 1_000) == nil)
        #expect(client.session.tick(now: 1_001) == .stalled)
    }
}
