import MeshProtocols
import MeshTypes
import Testing

/// Statements of readiness between two nodes (R5.5).
@Suite struct HealthFeedTests {
    private static let wallet = HealthFeed.Line(endpoint: SocketAddress("10.0.0.1:80")!, isReady: true)
    private static let other = HealthFeed.Line(endpoint: SocketAddress("[2001:db8::1]:8081")!, isReady: false)
    private static let text = "10.0.0.1:80 ready\n[2001:db8::1]:8081 unready\nend\n"

    /// Everything that waits.
    private func drain(_ writer: inout HealthFeedWriter, step: Int = 1 << 16) -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let piece = [UInt8](unsafeUninitializedCapacity: step) { buffer, count in
                count = writer.fill(UnsafeMutableRawBufferPointer(buffer))
            }
            if piece.isEmpty { return all }
            all += piece
        }
    }

    private func read(_ bytes: [UInt8], step: Int = .max, now: UInt64 = 0) -> [[HealthFeed.Line]]? {
        var reader = HealthFeedReader()
        var all: [[HealthFeed.Line]] = []
        var index = 0
        while index < bytes.count {
            let end = index + min(step, bytes.count - index)
            guard let statements = bytes[index..<end].withUnsafeBytes({ reader.take($0, now: now) }) else { return nil }
            all += statements
            index = end
        }
        return all
    }

    @Test func theFormatIsWhatTheDocumentationSays() {
        var writer = HealthFeedWriter()
        writer.state([Self.wallet, Self.other])
        #expect(String(decoding: drain(&writer), as: UTF8.self) == Self.text)
        #expect("\(HealthFeed.authority)" == "[::]:15021")
    }

    @Test func whatIsWrittenIsReadHoweverItArrives() {
        var writer = HealthFeedWriter()
        writer.state([Self.wallet, Self.other])
        var bytes = drain(&writer, step: 7)
        writer.state([])
        bytes += drain(&writer)
        for step in 1...bytes.count { #expect(read(bytes, step: step) == [[Self.wallet, Self.other], []]) }
    }

    @Test func theLongestAddressFits() {
        let endpoint = SocketAddress("[fd6d:7965:6c69:aaaa:bbbb:cccc:dddd:eeee]:65535")!
        let line = HealthFeed.Line(endpoint: endpoint, isReady: false)
        var writer = HealthFeedWriter()
        writer.state([line])
        #expect(read(drain(&writer)) == [[line]])
    }

    @Test(arguments: [
        "10.0.0.1:80 steady\n", "10.0.0.1 ready\n", "wallet:80 ready\n", "10.0.0.1:80  ready\n", "10.0.0.1:80 ready \n",
        "10.0.0.1:80 ready\r\n",
        "\n", "end \n", "10.0.0.1:0 ready\n", "10.0.0.1:80\tready\n", String(repeating: "1", count: 60), "HTTP/1.1 200 OK\r\n",
    ])
    func anythingElseIsNoStatement(text: String) {
        #expect(read(Array(text.utf8)) == nil)
        var reader = HealthFeedReader()
        #expect(Array(text.utf8).withUnsafeBytes { reader.take($0, now: 0) } == nil)
        #expect(Array(Self.text.utf8).withUnsafeBytes { reader.take($0, now: 0) } == nil, "it is final")
    }

    @Test func aStatementHasABound() {
        let line = Array("10.0.0.1:80 ready\n".utf8)
        let most = Array(Array(repeating: line, count: HealthFeed.maximumEndpoints).joined())
        #expect(read(most + Array("end\n".utf8))?.first?.count == HealthFeed.maximumEndpoints)
        #expect(read(most + line) == nil)
    }

    @Test func aPeerThatSaysTooMuchIsNotListenedTo() {
        let ends = Array(Array(repeating: Array("end\n".utf8), count: HealthFeed.maximumLinesPerSecond).joined())
        var reader = HealthFeedReader()
        #expect(ends.withUnsafeBytes { reader.take($0, now: 0) }?.count == HealthFeed.maximumLinesPerSecond)
        #expect(ends.withUnsafeBytes { reader.take($0, now: 1_000_000_000) } != nil, "in the next second it may")
        #expect(Array("end\n".utf8).withUnsafeBytes { reader.take($0, now: 1_000_000_001) } == nil)
    }

    @Test func aSlowPeerGetsTheNewestAndNoMoreThanOneStatementWaits() {
        var writer = HealthFeedWriter()
        writer.state([Self.wallet])
        var buffer = [UInt8](repeating: 0, count: 3)
        #expect(buffer.withUnsafeMutableBytes { writer.fill($0) } == 3)
        for _ in 0..<1000 { writer.state([Self.other]) }
        #expect(writer.isBehind)
        let rest = drain(&writer)
        #expect(read(buffer + rest) == [[Self.wallet]])
        writer.state([Self.other])
        #expect(!writer.isBehind && read(drain(&writer)) == [[Self.other]])
    }

    @Test func aPeerCountsAsToldWhenAWholeStatementWentOut() {
        var writer = HealthFeedWriter()
        writer.state([Self.wallet, Self.other])
        #expect(!writer.hasToldUnready(Self.other.endpoint))
        _ = drain(&writer)
        #expect(writer.hasToldUnready(Self.other.endpoint) && !writer.hasToldUnready(Self.wallet.endpoint))
        writer.state([])
        _ = drain(&writer)
        #expect(!writer.hasToldUnready(Self.other.endpoint))
    }

    @Test func mutatedStatementsAreReadInOneWay() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        let likely = Array("\n\r 0123456789abcdef.:[]endruy\0".utf8)
        for _ in 0..<20_000 {
            var bytes = Array((Self.text + Self.text).utf8)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = likely.randomElement(using: &random)!
                case 1: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
                default: bytes.remove(at: place)
                }
            }
            let whole = read(bytes)
            let pieces = read(bytes, step: Int.random(in: 1...9, using: &random))
            #expect(whole == pieces, "seed \(seed): \(bytes)")
        }
    }
}
