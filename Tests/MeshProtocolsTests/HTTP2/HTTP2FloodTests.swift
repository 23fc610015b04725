import MeshProtocols
import MeshTypes
import Testing

/// What a hostile peer of a session of requests can make it do is bounded. What the two kinds of sessions share is tested with tunnels.
struct HTTP2FloodTests {
    private static let request: [(String, String)] = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "w")]

    private static func server(_ limits: HTTP2Limits = HTTP2Limits()) -> MessageEnd {
        let end = MessageEnd(.server, limits: limits)
        end.receive(RawFrames.preface)
        _ = end.output()
        return end
    }

    private static func expectFarewell(_ end: MessageEnd, _ failure: HBONEFailure, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(RawFrames.farewell(end.output())?.text == failure.description, sourceLocation: sourceLocation)
        #expect(end.session.nextOutput() == nil && end.session.isFinished, sourceLocation: sourceLocation)
    }

    /// Frames that one peer sends again and again; the bound; what it is called.
    static let floods: [(name: String, frame: [UInt8], bound: UInt32, failure: HBONEFailure)] = [
        ("SETTINGS", RawFrames.settings(), HTTP2Limits().floods.settings - 1, .settingsFlood),
        ("PING", RawFrames.ping(), HTTP2Limits().floods.pings, .pingFlood),
        ("PRIORITY", RawFrames.priority(1), HTTP2Limits().floods.priorities, .priorityFlood),
        ("unknown", RawFrames.frame(0x42, [1, 2]), HTTP2Limits().floods.unknownFrames, .unknownFrameFlood),
        ("WINDOW_UPDATE", RawFrames.windowUpdate(0, 1), HTTP2Limits().floods.windowUpdates, .windowUpdateFlood),
    ]

    @Test(arguments: floods.indices) func floodsEndTheConnection(_ index: Int) {
        let flood = Self.floods[index]
        let end = Self.server()
        for count in 0..<flood.bound {
            let failure = end.receive(flood.frame)
            guard failure == nil else { return #expect(failure == nil, "\(flood.name) \(count)") }
            _ = end.output()
        }
        #expect(end.receive(flood.frame) == flood.failure)
        Self.expectFarewell(end, flood.failure)
    }

    @Test func emptyDataFramesEndTheConnection() {
        let end = Self.server()
        end.receive(RawFrames.headers(1, Self.request))
        var failure: HBONEFailure?
        var frames: UInt32 = 0
        while failure == nil, frames < 50_000 {
            failure = end.receive(RawFrames.data(1))
            frames += 1
        }
        #expect(failure == .emptyDataFlood && frames == HTTP2Limits().floods.emptyData + 1)
    }

    @Test func rapidResetsEndTheConnection() {
        let end = Self.server()
        var failure: HBONEFailure?
        var streams: UInt32 = 0
        while failure == nil, streams < 5_000 {
            failure = end.receive(RawFrames.headers(2 * streams + 1, Self.request, end: true) + RawFrames.reset(2 * streams + 1))
            streams += 1
        }
        #expect(failure == .rapidReset && streams == HTTP2Limits().floods.resets + 1)
        Self.expectFarewell(end, .rapidReset)
    }

    /// A server that ends streams early does with our requests what it may.
    @Test func aClientBearsResetsOfItsRequests() {
        let client = MessageEnd(.client)
        client.receive(RawFrames.settings())
        for index in 0..<5_000 as Range<UInt32> {
            #expect(client.request(Heads.get) != nil)
            _ = client.output()
            guard client.receive(RawFrames.reset(2 * index + 1, .refusedStream)) == nil else { break }
        }
        #expect(client.session.failure == nil && client.session.openStreams == 0)
    }

    @Test func malformedRequestsAreCounted() {
        let end = Self.server()
        var failure: HBONEFailure?
        var streams: UInt32 = 0
        while failure == nil, streams < 5_000 {
            failure = end.receive(RawFrames.headers(2 * streams + 1, Self.request + [("connection", "close")], end: true))
            _ = end.output()
            failure = failure ?? end.session.failure
            streams += 1
        }
        #expect(failure == .invalidFrameFlood && streams <= HTTP2Limits().floods.invalidFrames + 1)
    }

    @Test func headerBombsEndTheConnection() {
        let end = Self.server()
        // One entry of 4,000 bytes in the dynamic table, then one byte for each repetition.
        let entry: [UInt8] = [0x40, 1, UInt8(ascii: "x"), 127, 0xa1, 0x1e] + [UInt8](repeating: 65, count: 4_000)
        #expect(end.receive(RawFrames.frame(1, flags: 4, stream: 1, entry + [UInt8](repeating: 0x80 | 62, count: 4_000))) == .headerBomb)
        Self.expectFarewell(end, .headerBomb)
    }

    @Test func endlessContinuationsEndTheConnection() {
        let end = Self.server()
        var failure = end.receive(RawFrames.frame(1, stream: 1, RawFrames.block(Self.request)))
        var frames = 0
        while failure == nil, frames < 100 {
            failure = end.receive(RawFrames.frame(9, stream: 1, RawFrames.block([("x", "y")])))
            frames += 1
        }
        #expect(failure != nil && frames <= HTTP2Limits().maximumContinuations + 1)
    }

    @Test func pushIsRefused() {
        let client = MessageEnd(.client)
        _ = client.request(Heads.get)
        _ = client.output()
        client.receive(RawFrames.settings())
        #expect(client.receive(RawFrames.frame(5, flags: 4, stream: 1, RawFrames.word(2) + RawFrames.block(Self.request))) == .serverPush)
        Self.expectFarewell(client, .serverPush)
    }

    /// Answers of streams that are gone wait on, each with its head, unless the peer reads.
    @Test func aPeerThatDoesNotReadIsGivenUp() {
        var limits = HTTP2Limits()
        limits.floods.resets = .max
        let end = Self.server(limits)
        end.onRequest = { end, _, token in
            end.respond(token, Heads.ok, hasBody: true)
            return token
        }
        var failure: HBONEFailure?
        var streams: UInt32 = 0
        while failure == nil, streams < 50_000 {
            let stream = 2 * streams + 1
            failure = end.receive(RawFrames.headers(stream, Self.request, end: true) + RawFrames.reset(stream), now: UInt64(streams) << 20)
            streams += 1
        }
        #expect(failure == .unreadOutput && streams < 10_000)
    }

    @Test func interimAnswersForAPeerThatDoesNotReadAreLeftOut() {
        let end = Self.server()
        end.receive(RawFrames.headers(1, Self.request))
        for _ in 0..<50_000 { end.inform(1, "HTTP/1.1 103 \r\n\r\n") }
        #expect(end.session.tick(now: 1) == .unreadOutput || end.session.failure == nil)
        #expect(RawFrames.parse(end.output()).count { $0.type == 1 } < 10_000)
    }

    @Test func aPeerThatReadsMayHaveManyAnswers() {
        let end = Self.server()
        end.onRequest = { end, _, token in
            end.respond(token, Heads.ok)
            return 0
        }
        for stream in (0..<30_000 as Range<UInt32>).map({ 2 * $0 + 1 }) {
            guard end.receive(RawFrames.headers(stream, Self.request, end: true)) == nil else { break }
            _ = end.output()
        }
        #expect(end.session.failure == nil && end.requests.count == 30_000)
    }
}
