import MeshProtocols
import MeshTypes
import Testing

struct DrainTests {
    @Test func serverDrainsInTwoSteps() {
        let pair = TunnelPair()
        let (client, server) = pair.openedTunnel()
        pair.server.session.goAway()
        // A request that crosses the first GOAWAY is still served.
        let crossing = pair.client.open(Samples.request)!
        pair.settle()
        let announcements = pair.client.events.filter { if case .goAway = $0 { true } else { false } }
        #expect(announcements == [.goAway(.max, .noError), .goAway(3, .noError)])
        #expect(pair.client.events.contains(.response(crossing, 200, .none)))
        #expect(!pair.client.session.canOpen && pair.client.open(Samples.request) == nil)

        pair.client.send([1], on: client, end: true)
        pair.server.send([2], on: server, end: true)
        pair.settle()
        #expect(pair.client.received[client] == [2])
        #expect(!pair.client.session.isFinished && !pair.server.session.isFinished)
        pair.client.session.reset(pair.client.streams[crossing]!, .cancel)
        pair.settle()
        #expect(pair.client.session.isFinished && pair.server.session.isFinished)
    }

    @Test func refusedStreamIsReportedAsSafeToRetry() {
        let pair = TunnelPair()
        pair.server.answer = { end, stream, _ in
            end.session.reset(stream, .refusedStream)
            return 0
        }
        let token = pair.client.open(Samples.request)!
        pair.settle()
        #expect(pair.client.events == [.reset(token, .refusedStream), .closed(token)])
        #expect(HBONEErrorCode.refusedStream.isSafeToRetry && !HBONEErrorCode.cancel.isSafeToRetry)
    }

    @Test func goAwayBelowAnOpenStreamRefusesIt() {
        let pair = TunnelPair()
        pair.settle()
        let token = pair.client.open(Samples.request)!
        _ = pair.client.output()
        pair.client.receive(RawFrames.goAway(lastStream: 0, code: .noError))
        #expect(pair.client.events == [.goAway(0, .noError), .reset(token, .refusedStream), .closed(token)])
    }

    @Test func clientDrainKeepsItsStreams() {
        let pair = TunnelPair()
        let (client, server) = pair.openedTunnel()
        pair.client.session.goAway()
        pair.settle()
        #expect(pair.client.open(Samples.request) == nil)
        pair.server.send([7], on: server, end: true)
        pair.client.send([], on: client, end: true)
        pair.settle()
        #expect(pair.client.received[client] == [7])
        #expect(pair.client.session.isFinished)
    }
}
