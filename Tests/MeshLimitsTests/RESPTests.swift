import MeshLimits
import Testing

/// Replies of Redis, and what only looks like one.
@Suite struct RESPTests {
    private func read(_ text: String) throws -> [RESPValue] {
        var reader = RESPReader()
        reader.append(text.utf8)
        var values: [RESPValue] = []
        while let value = try reader.next() { values.append(value) }
        return values
    }

    @Test func repliesOfEveryKindAreRead() throws {
        let text = "+OK\r\n-ERR no\r\n:-12\r\n$5\r\nhe\r\nl\r\n$-1\r\n*-1\r\n*0\r\n*2\r\n:1\r\n*1\r\n$0\r\n\r\n"
        let expected: [RESPValue] = [
            .status("OK"), .failure("ERR no"), .integer(-12), .bulk(Array("he\r\nl".utf8)), .bulk(nil), .array(nil), .array([]),
            .array([.integer(1), .array([.bulk([])])]),
        ]
        #expect(try read(text) == expected)
        // However it is cut into pieces.
        var reader = RESPReader()
        var values: [RESPValue] = []
        for byte in text.utf8 {
            reader.append([byte])
            while let value = try reader.next() { values.append(value) }
        }
        #expect(values == expected)
    }

    @Test(arguments: [
        "OK\r\n", "+OK\rX", ":\r\n", ":1x\r\n", ":99999999999999999999\r\n", "$-2\r\n", "$1\r\nab\r\n", "*-2\r\n", "*1\r\nx\r\n", "\r\n",
        "%1\r\n",
    ])
    func whatIsNoReplyIsRefused(text: String) {
        #expect(throws: RESPReader.Failure.malformed) { try read(text) }
    }

    @Test func whatIsTooLargeIsRefusedBeforeItHasCome() {
        for text in [
            "+" + String(repeating: "a", count: RESPReader.maximumLine), "$\(RESPReader.maximumReply + 1)\r\n",
            "*\(RESPReader.maximumElements + 1)\r\n", String(repeating: "*1\r\n", count: RESPReader.maximumDepth + 1),
            "*1000\r\n" + String(repeating: "$1000\r\n" + String(repeating: "a", count: 1000) + "\r\n", count: 70),
        ] {
            #expect(throws: RESPReader.Failure.tooLarge) { try read(text) }
        }
    }

    @Test func commandsAreLengthsAndBytes() {
        #expect(String(decoding: RESPCommand(["GET", "ä\r\n"]).bytes, as: UTF8.self) == "*2\r\n$3\r\nGET\r\n$4\r\nä\r\n\r\n")
    }

    /// Any change of good replies is read, refused or waited for; it never traps, and never holds more than the bounds.
    @Test func mutationsAreReadOrRefused() {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SplitMix(state: seed)
        let good = Array("*4\r\n:12\r\n:0\r\n$3\r\nabc\r\n-NOSCRIPT no\r\n+OK\r\n*2\r\n*1\r\n:7\r\n$-1\r\n".utf8)
        var (values, refusals) = (0, 0)
        for _ in 0..<20_000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: index)
                case 2: bytes.insert(Array("$*:+-\r\n0123456789".utf8).randomElement(using: &random)!, at: index)
                default: bytes += bytes[index...].prefix(32)
                }
            }
            var reader = RESPReader()
            reader.append(bytes)
            do throws(RESPReader.Failure) { while try reader.next() != nil { values += 1 } } catch { refusals += 1 }
        }
        #expect(values > 1000 && refusals > 1000, "seed \(seed): \(values) values, \(refusals) refusals")
    }
}

struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }
}
