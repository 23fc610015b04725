import MeshProtocols
import MeshTypes
import Testing

/// Each flood ends in GOAWAY(ENHANCE_YOUR_CALM) that names it, and what is below the bound passes.
struct FloodTests {
    private static func server() -> TunnelEnd {
        let end = TunnelEnd(.server)
        end.receive(RawFrames.preface)
        _ = end.output()
        return end
    }

    private static func expectFarewell(_ end: TunnelEnd, _ failure: HBONEFailure, sourceLocation: SourceLocation = #_sourceLocation) {
        let farewell = RawFrames.farewell(end.output())
        #expect(farewell?.code == HBONEErrorCode.enhanceYourCalm.rawValue, sourceLocation: sourceLocation)
        #expect(farewell?.text == failure.description, sourceLocation: sourceLocation)
        #expect(end.session.nextOutput() == nil && end.session.isFinished, sourceLocation: sourceLocation)
        #expect(end.receive(RawFrames.ping()) == failure, "it stays failed", sourceLocation: sourceLocation)
    }

    /// Frames that one peer sends again and again; the bound; what it is called.
    static let floods: [(name: String, frame: [UInt8], bound: UInt32, failure: HBONEFailure)] = [
        ("SETTINGS", RawFrames.settings(), FloodLimits().settings - 1, .settingsFlood),
        ("PING", RawFrames.ping(), FloodLimits().pings, .pingFlood),
        ("PRIORITY", RawFrames.priority(1), FloodLimits().priorities, .priorityFlood),
        ("unknown", RawFrames.frame(0x42, [1, 2]), FloodLimits().unknownFrames, .unknownFrameFlood),
        ("WINDOW_UPDATE", RawFrames.windowUpdate(0, 1), FloodLimits().windowUpdates, .windowUpdateFlood),
    ]

    @Test(arguments: floods.indices) func floodsEndTheConnection(_ index: Int) {
        let flood = Self.floods[index]
        let end = Self.server()
        for count in 0..<flood.bound {
            #expect(end.receive(flood.frame) == nil, "\(flood.name) \(count)")
            _ = end.output()
        }
        #expect(end.receive(flood.frame) == flood.failure)
        Self.expectFarewell(end, flood.failure)
    }

    @Test(arguments: floods.indices) func theSameFramesOverTimePass(_ index: Int) {
        let flood = Self.floods[index]
        let end = Self.server()
        for count in 1...4 * UInt64(flood.bound) {
            #expect(end.receive(flood.frame, now: count * FloodLimits().slice / UInt64(flood.bound)) == nil)
            _ = end.output()
        }
    }

    @Test func rapidResetsEndTheConnection() {
        let end = Self.server()
        end.answer = { end, stream, _ in
            let token = end.newToken()
            end.streams[token] = stream
            return token
        }
        var failure: HBONEFailure?
        var streams: UInt32 = 0
        while failure == nil, streams < 5_000 {
            failure = end.receive(RawFrames.connect(2 * streams + 1) + RawFrames.reset(2 * streams + 1))
            streams += 1
        }
        #expect(failure == .rapidReset && streams == FloodLimits().resets + 1)
        Self.expectFarewell(end, .rapidReset)
    }

    @Test func shortConnectionsThatAbortAfterTheAnswerPass() {
        let end = Self.server()
        for stream in (0..<20_000 as Range<UInt32>).map({ 2 * $0 + 1 }) {
            #expect(end.receive(RawFrames.connect(stream)) == nil)
            _ = end.output()
            #expect(end.receive(RawFrames.reset(stream)) == nil)
        }
    }

    @Test func streamsThatThePeerMakesUsResetCountToo() {
        let end = Self.server()
        var failure: HBONEFailure?
        var streams: UInt32 = 0
        while failure == nil, streams < 5_000 {
            let stream = 2 * streams + 1
            failure = end.receive(RawFrames.connect(stream) + RawFrames.windowUpdate(stream, 0x7fff_ffff))
            _ = end.output()
            failure = failure ?? end.session.failure
            streams += 1
        }
        #expect(failure == .invalidFrameFlood && streams <= FloodLimits().invalidFrames + 1)
    }

    @Test func emptyDataFramesEndTheConnection() {
        let end = Self.server()
        end.receive(RawFrames.connect(1))
        var failure: HBONEFailure?
        var frames: UInt32 = 0
        while failure == nil, frames < 1_000 {
            failure = end.receive(RawFrames.data(1))
            frames += 1
        }
        #expect(failure == .emptyDataFlood && frames == FloodLimits().emptyData + 1)
        Self.expectFarewell(end, .emptyDataFlood)
    }

    @Test func headerBombOfIndexedFieldsEndsTheConnection() {
        let end = Self.server()
        // One entry of 4,000 bytes in the dynamic table, then one byte for each repetition.
        let entry: [UInt8] = [0x40, 1, UInt8(ascii: "x"), 127, 0xa1, 0x1e] + [UInt8](repeating: 65, count: 4_000)
        let bomb = RawFrames.frame(1, flags: 4, stream: 1, entry + [UInt8](repeating: 0x80 | 62, count: 4_000))
        #expect(end.receive(bomb) == .headerBomb)
        Self.expectFarewell(end, .headerBomb)
    }

    @Test func endlessContinuationsEndTheConnection() {
        let end = Self.server()
        var failure = end.receive(RawFrames.frame(1, stream: 1, RawFrames.block([(":method", "CONNECT")])))
        var frames = 0
        while failure == nil, frames < 100 {
            failure = end.receive(RawFrames.frame(9, stream: 1, RawFrames.block([("x", "y")])))
            frames += 1
        }
        #expect(failure != nil && frames <= HBONELimits().maximumContinuations + 1)
        #expect(RawFrames.farewell(end.output()) != nil)
    }

    @Test func headerBlockLargerThanTheLimitEndsTheConnection() {
        let end = Self.server()
        let fields = (0..<200).map { ("x-field-\($0)", String(repeating: "v", count: 100)) }
        let block = RawFrames.block([(":method", "CONNECT"), (":authority", "10.0.0.1:80")] + fields)
        let failure =
            end.receive(RawFrames.frame(1, stream: 1, Array(block.prefix(12_000))))
            ?? end.receive(RawFrames.frame(9, flags: 4, stream: 1, Array(block.dropFirst(12_000))))
        #expect(failure == .headerBomb)
        Self.expectFarewell(end, .headerBomb)
    }

    @Test func pushIsRefused() {
        let client = TunnelEnd(.client)
        _ = client.open(Samples.request)
        _ = client.output()
        client.receive(RawFrames.settings())
        let push = RawFrames.frame(5, flags: 4, stream: 1, RawFrames.word(2) + RawFrames.block([(":method", "GET")]))
        #expect(client.receive(push) == .serverPush)
        Self.expectFarewell(client, .serverPush)
    }

    @Test func tooManySettingsEntriesEndTheConnection() {
        let end = Self.server()
        let entries = (0..<100).map { (UInt16(0x1000 + $0), UInt32(1)) }
        let failure =
            end.receive(RawFrames.settings(entries))
            ?? {
                _ = end.output(); return end.session.failure
            }()
        #expect(failure != nil)
    }

    @Test func malformedRequestsAreCounted() {
        let end = Self.server()
        var failure: HBONEFailure?
        var streams: UInt32 = 0
        while failure == nil, streams < 5_000 {
            failure = end.receive(RawFrames.connect(2 * streams + 1, to: "wallet:80"))
            _ = end.output()
            streams += 1
        }
        #expect(failure == .invalidFrameFlood)
    }
}
