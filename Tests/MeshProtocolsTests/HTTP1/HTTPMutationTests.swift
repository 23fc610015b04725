import MeshProtocols
import MeshTypes
import Testing

/// Changed bytes must not change what is safe: no crash, no read beyond the end, and one outcome however they arrive.
@Suite struct HTTPMutationTests {
    @Test func mutatedRequestsAreReadInOneWay() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = Seeded(seed)
        let cases = try RequestCase.all().filter { $0.bytes.count < 2000 }
        for _ in 0..<30_000 {
            var bytes = cases.randomElement(using: &random)!.bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[place] = Self.likely.randomElement(using: &random)!
                case 1: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 2: bytes.insert(Self.likely.randomElement(using: &random)!, at: place)
                default: if bytes.count > 1 { bytes.remove(at: place) }
                }
            }
            let whole = RequestReader.read(bytes, step: bytes.count)
            let pieces = RequestReader.read(bytes, step: Int.random(in: 1...9, using: &random))
            #expect(whole == pieces, "seed \(seed): \(bytes)")
        }
    }

    private static let likely = Array("\r\n \t:;,0123456789abcfxGHT/.\0".utf8)

    /// SplitMix64, so that a failure can be repeated.
    private struct Seeded: RandomNumberGenerator {
        private var state: UInt64
        init(_ seed: UInt64) { state = seed }

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
            return mixed ^ (mixed >> 31)
        }
    }
}
