import MeshProtocols
import MeshTypes
import Testing

/// The client's side of a connection that passes by while its requests are looked at.
struct RequestWatchTests {
    /// A watch and what it let through.
    private final class Passage {
        private let watch = RequestWatch()
        private var held: [UInt8] = []
        private(set) var passed: [UInt8] = []
        private(set) var paths: [String] = []
        private(set) var refusal: DenialReason?
        private(set) var mostHeld = 0

        /// Requests whose path contains "claim" are denied.
        @discardableResult
        func send(_ bytes: [UInt8]) -> DenialReason? {
            guard refusal == nil else { return refusal }
            held += bytes
            let outcome = held.withUnsafeBytes { held in
                watch.advance(held) { path, _ in
                    paths.append(String(decoding: path, as: UTF8.self))
                    return paths.last!.contains("claim") ? .denied : .none
                }
            }
            switch outcome {
            case .open(let count):
                passed += held.prefix(count)
                held.removeFirst(count)
                mostHeld = max(mostHeld, held.count)
            case .refused(let reason): refusal = reason
            }
            return refusal
        }

        var isHolding: Bool { !held.isEmpty }
    }

    private static func fields(_ path: String, method: String = "GET") -> [(String, String)] {
        [(":method", method), (":scheme", "http"), (":path", path), (":authority", "w")]
    }

    /// Requests, bodies, trailers, a dynamic table, control frames: all that a client of this repository sends.
    private static let recording = HTTP2MutationTests.recordings().client

    @Test func aWholeConnectionPassesUnchanged() {
        let passage = Passage()
        #expect(passage.send(Self.recording) == nil)
        #expect(passage.passed == Self.recording && passage.paths == ["/items", "/other/1", "/items", "/other/3"])
    }

    @Test func itMayBeSplitAnywhere() {
        for at in Self.recording.indices {
            let passage = Passage()
            passage.send(Array(Self.recording[..<at]))
            passage.send(Array(Self.recording[at...]))
            guard passage.passed == Self.recording, passage.paths.count == 4 else {
                return #expect(passage.passed == Self.recording, "\(at)")
            }
        }
        let bytewise = Passage()
        for byte in Self.recording { bytewise.send([byte]) }
        #expect(bytewise.passed == Self.recording && bytewise.paths.count == 4 && bytewise.mostHeld < 200)
    }

    @Test func aRefusedRequestHoldsBackItsBytesAndAllThatFollow() {
        let passage = Passage()
        let before = RawFrames.preface + RawFrames.headers(1, Self.fields("/balance"), end: true)
        #expect(passage.send(before + RawFrames.headers(3, Self.fields("/payout/claim")) + RawFrames.data(3, [1])) == .denied)
        #expect(passage.passed.isEmpty, "what came in the same batch goes with it")
        let later = Passage()
        later.send(before)
        #expect(later.send(RawFrames.headers(3, Self.fields("/payout/claim"))) == .denied && later.passed == before)
    }

    @Test func noByteOfARequestPassesBeforeItIsJudged() {
        let passage = Passage()
        passage.send(RawFrames.preface)
        let request = RawFrames.headers(1, Self.fields("/a"))
        passage.send(Array(request.dropLast()))
        #expect(passage.passed == RawFrames.preface && passage.paths.isEmpty)
        passage.send([request.last!])
        #expect(passage.passed == RawFrames.preface + request && passage.paths == ["/a"])
    }

    @Test func headersMayBeContinuedPaddedAndPrioritised() {
        let block = RawFrames.block(Self.fields("/a") + [("x", String(repeating: "y", count: 300))])
        let pieces = [Array(block[..<5]), Array(block[5..<200]), [], Array(block[200...])]
        let padded: [UInt8] = [7] + RawFrames.word(0) + [15] + pieces[0] + [UInt8](repeating: 0, count: 7)
        let frames =
            RawFrames.frame(1, flags: 8 | 32 | 1, stream: 1, padded) + RawFrames.frame(9, stream: 1, pieces[1])
            + RawFrames.frame(9, stream: 1, pieces[2]) + RawFrames.frame(9, flags: 4, stream: 1, pieces[3])
        let passage = Passage()
        #expect(passage.send(RawFrames.preface + frames) == nil)
        #expect(passage.paths == ["/a"] && !passage.isHolding)
    }

    @Test func theDynamicTableIsFollowed() {
        // The path enters the table with the first request; the second names its entry.
        let claim: [UInt8] = [0x44, 6] + Array("/claim".utf8)
        let rest: [UInt8] = [0x82, 0x86, 0x41, 1, UInt8(ascii: "w")]
        let passage = Passage()
        #expect(passage.send(RawFrames.preface + RawFrames.frame(1, flags: 5, stream: 1, rest + [0x44, 2] + Array("/a".utf8))) == nil)
        // 62 is the path now, 63 the authority.
        #expect(passage.send(RawFrames.frame(1, flags: 5, stream: 3, [0x82, 0x86, 0x80 | 62, 0x80 | 63])) == nil)
        #expect(passage.paths == ["/a", "/a"])
        // In a request that is refused anyway; and in trailers, which must not smuggle one in for later.
        #expect(passage.send(RawFrames.frame(1, flags: 5, stream: 5, rest + claim)) == .denied)
    }

    @Test func tableSizesChangeWithinTheBound() {
        let good = RawFrames.block(Self.fields("/a"))
        let small = Passage()
        #expect(small.send(RawFrames.preface + RawFrames.frame(1, flags: 5, stream: 1, [0x20] + good)) == nil)
        // 65,536 and one more: an integer of 5 bits that goes on.
        let most: [UInt8] = [0x3f, 0xe1, 0xff, 0x03]
        let beyond: [UInt8] = [0x3f, 0xe2, 0xff, 0x03]
        #expect(Passage().send(RawFrames.preface + RawFrames.frame(1, flags: 5, stream: 1, most + good)) == nil)
        #expect(Passage().send(RawFrames.preface + RawFrames.frame(1, flags: 5, stream: 1, beyond + good)) == .badRequest)
    }

    @Test func framesOfOtherTypesPass() {
        let frames =
            RawFrames.settings([(1, 0)]) + RawFrames.ping() + RawFrames.windowUpdate(0, 5) + RawFrames.priority(1)
            + RawFrames.frame(0x10, [1, 2, 3]) + RawFrames.goAway(lastStream: 0, code: .noError) + RawFrames.frame(0x42, stream: 8, [9])
        let passage = Passage()
        #expect(passage.send(RawFrames.preface + frames) == nil)
        #expect(passage.passed == RawFrames.preface + frames)
    }

    @Test func dataIsNotHeldBack() {
        let passage = Passage()
        passage.send(RawFrames.preface + RawFrames.headers(1, Self.fields("/a")))
        let data = RawFrames.frame(0, stream: 1, Samples.bytes(1 << 20))
        passage.send(Array(data[..<100_000]))
        #expect(!passage.isHolding)
        passage.send(Array(data[100_000...]) + RawFrames.headers(1, [("x-sum", "1")], end: true))
        #expect(passage.refusal == nil && !passage.isHolding)
    }

    static let refused: [(name: String, bytes: [UInt8], reason: DenialReason)] = {
        let good = fields("/a")
        let request = RawFrames.headers(1, good)
        func pseudo(_ name: String, _ value: String) -> [UInt8] {
            RawFrames.headers(1, good.filter { $0.0 != name } + [(name, value)], end: true)
        }
        let large = RawFrames.block(good + [("x", String(repeating: "y", count: 14_000))])
        return [
            ("CONNECT", RawFrames.headers(1, [(":method", "CONNECT"), (":authority", "w")]), .notAllowed),
            ("connect", RawFrames.headers(1, fields("/a", method: "connect")), .notAllowed),
            ("extended CONNECT", RawFrames.headers(1, fields("/a", method: "CONNECT") + [(":protocol", "websocket")]), .badRequest),
            ("no path", RawFrames.headers(1, good.filter { $0.0 != ":path" }), .badRequest),
            ("two paths", RawFrames.headers(1, good + [(":path", "/b")]), .badRequest),
            ("late path", RawFrames.headers(1, good.filter { $0.0 != ":path" } + [("a", "b"), (":path", "/a")]), .badRequest),
            ("upper case", RawFrames.headers(1, good + [("A", "b")]), .badRequest),
            ("path with a space", pseudo(":path", "/a b"), .badRequest),
            ("path with a line end", pseudo(":path", "/a\r\n"), .badRequest), ("relative path", pseudo(":path", "a"), .badRequest),
            ("transfer-encoding", RawFrames.headers(1, good + [("transfer-encoding", "chunked")]), .badRequest),
            ("fields only", RawFrames.headers(1, [("a", "b")], end: true), .badRequest),
            ("stream 0", RawFrames.headers(0, good), .badRequest),
            ("even stream", RawFrames.headers(2, good), .badRequest), ("request on a stream that is open", request + request, .badRequest),
            ("request on a lower stream", RawFrames.headers(3, good) + request, .badRequest),
            ("path in trailers", request + RawFrames.headers(1, [(":path", "/b")], end: true), .badRequest),
            ("trailers that do not end", request + RawFrames.headers(1, [("a", "b")]), .badRequest),
            ("promise", RawFrames.frame(5, flags: 4, stream: 1, RawFrames.word(2)), .badRequest),
            ("continuation alone", RawFrames.frame(9, flags: 4, stream: 1, RawFrames.block(good)), .badRequest),
            (
                "continuation of another", RawFrames.frame(1, stream: 1) + RawFrames.frame(9, flags: 4, stream: 3, RawFrames.block(good)),
                .badRequest
            ),
            ("interrupted", RawFrames.frame(1, stream: 1) + RawFrames.ping(), .badRequest),
            ("endless", RawFrames.frame(1, stream: 1) + (0..<9).flatMap { _ in RawFrames.frame(9, stream: 1) }, .badRequest),
            ("padding beyond the frame", RawFrames.frame(1, flags: 12, stream: 1, [9, 1, 2]), .badRequest),
            ("padded without length", RawFrames.frame(1, flags: 12, stream: 1), .badRequest),
            ("priority beyond the frame", RawFrames.frame(1, flags: 36, stream: 1, [0, 0]), .badRequest),
            ("index out of range", RawFrames.frame(1, flags: 4, stream: 1, [0x80 | 70]), .badRequest),
            ("truncated block", RawFrames.frame(1, flags: 4, stream: 1, Array(RawFrames.block(good).dropLast())), .badRequest),
            (
                "large frame", RawFrames.frame(1, flags: 4, stream: 1, [UInt8](repeating: 0, count: RequestWatch.maximumBlock + 1)),
                .badRequest
            ),
            (
                "large block", RawFrames.frame(1, stream: 1, large) + (0..<4).flatMap { _ in RawFrames.frame(9, stream: 1, large) },
                .badRequest
            ),
            ("bomb", RawFrames.frame(1, flags: 4, stream: 1, bomb), .badRequest),
        ]
    }()

    private static let bomb: [UInt8] =
        [0x40, 1, UInt8(ascii: "x"), 127, 0xa1, 0x1e] + [UInt8](repeating: 65, count: 4_000) + [UInt8](repeating: 0x80 | 62, count: 4_000)

    @Test(arguments: refused.indices) func whatCannotBeToldApartIsRefused(_ index: Int) {
        let (name, bytes, reason) = Self.refused[index]
        let passage = Passage()
        passage.send(RawFrames.preface)
        #expect(passage.send(bytes) == reason, "\(name)")
        let bytewise = Passage()
        for byte in RawFrames.preface + bytes { bytewise.send([byte]) }
        #expect(bytewise.refusal == reason && bytewise.mostHeld <= RequestWatch.maximumBlock + 9, "\(name)")
        #expect(!bytewise.passed.suffix(bytes.count).elementsEqual(bytes), "\(name)")
    }

    /// Here nothing but our own reading stands between a malformed request and the server; a session has nghttp2's before it.
    @Test(arguments: MalformedMessageTests.requests.indices) func malformedRequestsAreRefused(_ index: Int) {
        let (name, fields) = MalformedMessageTests.requests[index]
        let passage = Passage()
        passage.send(RawFrames.preface)
        // That a body is missing shows when the stream ends, and only the server need care.
        let expected: DenialReason? = name == "content-length without a body" ? nil : .badRequest
        #expect(passage.send(RawFrames.headers(1, fields, end: true)) == expected, "\(name)")
    }

    @Test(arguments: MalformedMessageTests.trailers.indices) func malformedTrailersAreRefused(_ index: Int) {
        let (name, fields) = MalformedMessageTests.trailers[index]
        let passage = Passage()
        passage.send(RawFrames.preface + RawFrames.headers(1, Self.fields("/a")))
        #expect(passage.send(RawFrames.headers(1, fields, end: true)) == .badRequest, "\(name)")
    }

    @Test func anotherProtocolIsRefused() {
        #expect(Passage().send(Array("GET / HTTP/1.1\r\n\r\n".utf8)) == .badRequest)
        let passage = Passage()
        #expect(passage.send(Array("PRI * HTTP".utf8)) == nil && passage.isHolding)
        #expect(passage.send(Array("/1.1\r\n\r\n".utf8)) == .badRequest)
    }

    /// Whatever a client does to its frames: a server that takes what passed hears of no request that was not judged.
    @Test(arguments: [UInt64(3), 20_261_125]) func damagedStreamsAreWatched(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for round in 0..<3_000 {
            var bytes = Self.recording
            Damage.strike(&bytes, &random)
            let passage = Passage()
            let server = MessageEnd(.server)
            Damage.cut(bytes, &random) { piece in
                let before = passage.passed.count
                let refusal = passage.send(piece)
                let failure = server.receive(Array(passage.passed[before...]))
                _ = server.output()
                return refusal == nil && failure == nil && server.session.failure == nil
            }
            let heard = server.requests.map { String($0.split(separator: " ")[1]) }
            #expect(Self.isSubsequence(heard, of: passage.paths), "seed \(seed) round \(round)")
            #expect(passage.mostHeld <= RequestWatch.maximumBlock + 2_009, "seed \(seed) round \(round)")
        }
    }

    private static func isSubsequence(_ some: [String], of all: [String]) -> Bool {
        var rest = all[...]
        return some.allSatisfy { wanted in
            guard let at = rest.firstIndex(of: wanted) else { return false }
            rest = rest[(at + 1)...]
            return true
        }
    }
}
