import MeshProtocols
import MeshTypes
import Testing

/// Client and server back to back.
struct TunnelTests {
    @Test func carriesTheWholeRequest() {
        let pair = TunnelPair()
        let token = pair.client.open(Samples.request)!
        pair.settle()
        #expect(pair.server.events == [.request(1, Samples.request)])
        #expect(pair.client.events == [.response(token, 200, .none)])
        #expect(pair.client.session.openStreams == 1 && pair.server.session.openStreams == 1)
    }

    @Test func carriesARequestWithoutOptionalHeaders() {
        let pair = TunnelPair()
        let bare = ConnectRequest(authority: SocketAddress("[fd88::2]:80")!)
        _ = pair.client.open(bare)
        pair.settle()
        #expect(pair.server.events == [.request(1, bare)])
    }

    @Test func echoesBytesBothWays() {
        let pair = TunnelPair()
        let (client, server) = pair.openedTunnel()
        let up = Samples.bytes(1_000_000)
        let down = Samples.bytes(700_001, seed: 9)
        pair.client.send(up, on: client)
        pair.server.send(down, on: server)
        pair.settle()
        #expect(pair.server.received[server] == up)
        #expect(pair.client.received[client] == down)
    }

    @Test func halfCloseOfTheCallerLeavesTheAnswerOpen() {
        let pair = TunnelPair()
        let (client, server) = pair.openedTunnel()
        pair.client.send([1, 2, 3], on: client, end: true)
        pair.settle()
        #expect(pair.server.events == [.data(server, 3), .end(server)])
        pair.server.send([4, 5], on: server)
        pair.settle()
        #expect(pair.client.events == [.data(client, 2)])
        pair.server.send([6], on: server, end: true)
        pair.settle()
        #expect(pair.client.events == [.data(client, 3), .end(client), .closed(client)])
        #expect(pair.server.events == [.data(server, 3), .end(server), .closed(server)])
        #expect(pair.client.session.openStreams == 0 && pair.server.session.openStreams == 0)
    }

    @Test func halfCloseOfTheCalleeLeavesTheCallerOpen() {
        let pair = TunnelPair()
        let (client, server) = pair.openedTunnel()
        pair.server.send([], on: server, end: true)
        pair.settle()
        #expect(pair.client.events == [.end(client)])
        pair.client.send(Samples.bytes(40_000), on: client, end: true)
        pair.settle()
        #expect(pair.server.events == [.data(server, 40_000), .end(server), .closed(server)])
    }

    @Test func resetComesAfterTheDataThatWasSentBefore() {
        let pair = TunnelPair()
        let (client, server) = pair.openedTunnel()
        pair.server.send(Samples.bytes(50_000), on: server)
        pair.server.abortAfterData(server, .connectError)
        pair.settle()
        #expect(pair.client.events == [.data(client, 50_000), .reset(client, .connectError), .closed(client)])
        #expect(pair.server.events.isEmpty, "its own reset is the last it hears of the stream")
        #expect(pair.server.session.openStreams == 0)
    }

    @Test func abortOfTheCallerReachesTheCallee() {
        let pair = TunnelPair()
        let (client, server) = pair.openedTunnel()
        pair.client.session.reset(pair.client.streams[client]!, .cancel)
        pair.settle()
        #expect(pair.server.events == [.reset(server, .cancel), .closed(server)])
        #expect(pair.client.events.isEmpty)
    }

    @Test(arguments: [(401, DenialReason.notAllowed), (503, .endpointRefused), (503, .notAnEndpoint), (400, .malformedRequest)])
    func refusalCarriesItsReason(status: Int, reason: DenialReason) {
        let pair = TunnelPair()
        pair.server.answer = { end, stream, _ in
            end.session.refuse(stream, status: status, reason: reason)
            return 0
        }
        let token = pair.client.open(Samples.request)!
        pair.settle()
        #expect(pair.client.events == [.response(token, status, reason)])
        #expect(pair.client.session.openStreams == 0 && pair.server.session.openStreams == 0)
    }

    @Test func lateRefusalEndsTheStream() {
        let pair = TunnelPair()
        pair.server.answer = { end, stream, _ in
            end.streams[77] = stream
            return 77
        }
        let token = pair.client.open(Samples.request)!
        pair.settle()
        #expect(pair.client.events.isEmpty)
        pair.server.session.refuse(pair.server.streams[77]!, status: 503, reason: .endpointTimeout)
        pair.settle()
        #expect(pair.client.events == [.response(token, 503, .endpointTimeout)])
        #expect(pair.server.session.openStreams == 0)
    }

    @Test func dataBeforeTheAnswerIsBoundedByTheStreamWindow() {
        var limits = HBONELimits()
        limits.streamWindow = 100_000
        let pair = TunnelPair(server: limits)
        pair.settle()
        pair.server.answer = { end, stream, _ in
            end.streams[5] = stream
            end.stalled.insert(5)
            return 5
        }
        let token = pair.client.open(Samples.request)!
        pair.client.send(Samples.bytes(300_000), on: token)
        pair.settle()
        #expect(pair.server.received[5]?.count == 100_000)
        pair.server.session.accept(pair.server.streams[5]!)
        pair.server.stalled = []
        pair.server.session.consumed(pair.server.streams[5]!, 100_000)
        pair.settle()
        #expect(pair.server.received[5] == Samples.bytes(300_000))
    }

    @Test func streamsDoNotExceedThePeersLimit() {
        var limits = HBONELimits()
        limits.maximumStreams = 3
        let pair = TunnelPair(server: limits)
        pair.settle()
        #expect((0..<5).compactMap { _ in pair.client.open(Samples.request) }.count == 3)
        #expect(!pair.client.session.canOpen)
    }

    @Test func keepalivePingIsAnswered() {
        let pair = TunnelPair()
        pair.settle()
        pair.client.session.ping()
        pair.settle()
        #expect(pair.client.events == [.ping])
    }
}
