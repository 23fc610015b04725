import MeshProtocols
import Testing

/// Requests and answers of two sessions back to back.
struct ExchangeTests {
    @Test func carriesARequestAndItsAnswerWithoutBodies() {
        let pair = MessagePair()
        let token = pair.client.request(Heads.get)!
        pair.settle()
        #expect(pair.server.events == [.request(1, Heads.get, ends: true)])
        pair.server.respond(1, "HTTP/1.1 204 \r\nserver: wallet\r\n\r\n")
        pair.settle()
        #expect(
            pair.client.events == [
                .response(token, "HTTP/1.1 204 \r\nserver: wallet\r\n\r\n", ends: true), .closed(token),
            ])
        #expect(pair.server.events.last == .closed(1))
        #expect(pair.client.session.openStreams == 0 && pair.server.session.openStreams == 0)
    }

    @Test func carriesBodiesBothWaysThroughNarrowWindows() {
        var limits = HTTP2Limits()
        limits.streamWindow = 65_535
        let pair = MessagePair(client: limits, server: limits)
        pair.settle()
        let (client, server) = pair.opened()
        let up = Samples.bytes(1_000_000)
        let down = Samples.bytes(700_001, seed: 9)
        pair.client.send(up, on: client, end: true)
        pair.server.respond(server, Heads.ok, hasBody: true)
        pair.server.send(down, on: server, end: true)
        pair.settle()
        #expect(pair.server.received[server] == up && pair.client.received[client] == down)
        #expect(pair.server.events.suffix(2) == [.end(server), .closed(server)])
        #expect(pair.client.events.first == .response(client, Heads.ok, ends: false))
        #expect(pair.client.events.suffix(2) == [.end(client), .closed(client)])
    }

    @Test(arguments: [0, 5, 50_000]) func trailersFollowTheBody(_ size: Int) {
        let pair = MessagePair()
        let (client, server) = pair.opened()
        pair.client.send(Samples.bytes(size), on: client, end: true, trailers: "x-digest: 1\r\n\r\n")
        pair.server.respond(server, Heads.ok, hasBody: true)
        pair.server.send(Samples.bytes(size), on: server, end: true, trailers: Heads.grpcTrailers)
        pair.settle()
        let data: [MessageEnd.Event] = size == 0 ? [] : [.data(server, size)]
        #expect(pair.server.events == data + [.trailers(server, "x-digest: 1\r\n\r\n"), .end(server), .closed(server)])
        #expect(pair.client.events.suffix(3) == [.trailers(client, Heads.grpcTrailers), .end(client), .closed(client)])
    }

    /// Peers count empty DATA frames as a flood.
    @Test func trailersWithoutABodyNeedNoDataFrame() {
        let pair = MessagePair()
        let (_, server) = pair.opened()
        pair.server.respond(server, Heads.ok, hasBody: true)
        _ = pair.server.output()
        pair.server.send([], on: server, end: true, trailers: Heads.grpcTrailers)
        #expect(RawFrames.parse(pair.server.output()).map(\.type) == [1])
    }

    @Test func trailersWithoutFieldsEndTheStream() {
        let pair = MessagePair()
        let (client, server) = pair.opened()
        pair.server.respond(server, Heads.ok, hasBody: true)
        pair.server.send([1, 2], on: server, end: true, trailers: "\r\n")
        pair.settle()
        #expect(pair.client.events.suffix(2) == [.data(client, 2), .end(client)])
    }

    @Test func interimAnswersComeBeforeTheFinalOne() {
        let pair = MessagePair()
        let (client, server) = pair.opened()
        pair.server.inform(server, "HTTP/1.1 100 \r\n\r\n")
        pair.server.inform(server, "HTTP/1.1 103 \r\nlink: </a>\r\n\r\n")
        pair.settle()
        pair.server.respond(server, Heads.ok, hasBody: true)
        pair.server.send([7], on: server, end: true, trailers: Heads.grpcTrailers)
        pair.settle()
        #expect(
            pair.client.events == [
                .response(client, "HTTP/1.1 100 \r\n\r\n", ends: false),
                .response(client, "HTTP/1.1 103 \r\nlink: </a>\r\n\r\n", ends: false), .response(client, Heads.ok, ends: false),
                .data(client, 1), .trailers(client, Heads.grpcTrailers), .end(client),
            ])
    }

    @Test(arguments: [false, true]) func anAnswerWithoutBodyStopsACallerThatStillSends(_ afterAnInterimOne: Bool) {
        let pair = MessagePair()
        let (client, server) = pair.opened()
        if afterAnInterimOne { pair.server.inform(server, "HTTP/1.1 100 \r\n\r\n") }
        pair.server.respond(server, "HTTP/1.1 403 \r\nx-myelin-reason: denied\r\n\r\n")
        pair.settle()
        #expect(
            pair.client.events.suffix(3) == [
                .response(client, "HTTP/1.1 403 \r\nx-myelin-reason: denied\r\n\r\n", ends: true), .reset(client, .noError),
                .closed(client),
            ])
        #expect(pair.server.events == [.closed(server)])
        #expect(pair.server.session.openStreams == 0 && pair.client.session.openStreams == 0)
    }

    /// The caller of a stream that ends with trailers may go on: only the owner knows whether anybody listens.
    @Test func trailersDoNotStopTheCaller() {
        let pair = MessagePair()
        let (client, server) = pair.opened()
        pair.server.respond(server, Heads.ok, hasBody: true)
        pair.server.send([], on: server, end: true, trailers: Heads.grpcTrailers)
        pair.settle()
        #expect(pair.client.events.last == .end(client))
        pair.client.send([1], on: client, end: true)
        pair.settle()
        #expect(pair.server.events.suffix(3) == [.data(server, 1), .end(server), .closed(server)])
        #expect(pair.client.events.last == .closed(client))
    }

    @Test func aRequestThatIsAnsweredAtOnceIsHeardOfNoMore() {
        let pair = MessagePair()
        pair.server.onRequest = { end, stream, token in
            end.respond(token, "HTTP/1.1 503 \r\n\r\n")
            return 0
        }
        let token = pair.client.request(Heads.post, hasBody: true)!
        pair.client.send([1, 2, 3], on: token)
        pair.settle()
        #expect(pair.server.events == [.request(1, Heads.post, ends: false)])
        #expect(pair.client.events.first == .response(token, "HTTP/1.1 503 \r\n\r\n", ends: true))
        #expect(pair.server.session.openStreams == 0)
    }

    @Test func anAnswerFromWithinTheHandlerMayHaveABody() {
        let pair = MessagePair()
        pair.server.onRequest = { end, stream, token in
            end.respond(token, Heads.ok, hasBody: true)
            end.outgoing[token] = .init(bytes: [5, 6], ends: true)
            return token
        }
        let token = pair.client.request(Heads.get)!
        pair.settle()
        #expect(pair.client.received[token] == [5, 6])
        #expect(pair.client.events.suffix(2) == [.end(token), .closed(token)])
        #expect(pair.server.events.last == .closed(1))
    }

    @Test func resetsReachTheOtherSide() {
        let pair = MessagePair()
        let (client, server) = pair.opened()
        pair.client.session.reset(pair.client.streams[client]!, .cancel)
        pair.settle()
        #expect(pair.server.events == [.reset(server, .cancel), .closed(server)])
        #expect(pair.client.events.isEmpty, "its own reset is the last it hears of the stream")
        let (second, secondThere) = pair.opened()
        pair.server.respond(secondThere, Heads.ok, hasBody: true)
        pair.server.outgoing[secondThere] = .init(bytes: [1], aborts: .internalError)
        pair.server.session.readyToSend(pair.server.streams[secondThere]!)
        pair.settle()
        #expect(pair.client.events.suffix(3) == [.data(second, 1), .reset(second, .internalError), .closed(second)])
        #expect(pair.server.session.openStreams == 0)
    }

    @Test func streamsAboveAGoAwayAreRefused() {
        let pair = MessagePair()
        pair.settle()
        let token = pair.client.request(Heads.get)!
        _ = pair.client.output()
        pair.client.receive(RawFrames.goAway(lastStream: 0, code: .noError))
        #expect(pair.client.events == [.goAway(0, .noError), .reset(token, .refusedStream), .closed(token)])
        #expect(!pair.client.session.canOpen && pair.client.request(Heads.get) == nil)
    }

    @Test func aServerDrainsInTwoSteps() {
        let pair = MessagePair()
        let (client, server) = pair.opened()
        pair.server.session.goAway()
        let crossing = pair.client.request(Heads.get)!
        pair.settle()
        #expect(pair.client.events == [.goAway(.max, .noError), .goAway(3, .noError)])
        #expect(pair.server.requests == [Heads.get], "what crosses the first GOAWAY is served")
        pair.server.respond(2, Heads.ok)
        pair.client.send([], on: client, end: true)
        pair.server.respond(server, Heads.ok)
        pair.settle()
        #expect(pair.client.events.suffix(2).contains(.closed(client)) && pair.client.events.contains(.closed(crossing)))
        #expect(pair.client.session.isFinished && pair.server.session.isFinished)
    }

    @Test func theLimitOfStreamsIsKept() {
        var limits = HTTP2Limits()
        limits.maximumStreams = 3
        let pair = MessagePair(server: limits)
        pair.settle()
        for _ in 0..<3 { #expect(pair.client.request(Heads.get) != nil) }
        #expect(!pair.client.session.canOpen && pair.client.request(Heads.get) == nil)
        pair.settle()
        pair.server.respond(1, Heads.ok)
        pair.settle()
        #expect(pair.client.session.canOpen)
    }

    @Test func pingsAreAnswered() {
        let pair = MessagePair()
        pair.client.session.ping()
        pair.settle()
        #expect(pair.client.events == [.ping])
    }
}
