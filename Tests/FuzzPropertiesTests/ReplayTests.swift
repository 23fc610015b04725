import Foundation
import FuzzProperties
import Testing

/// What the fuzzer kept and what it found, without the fuzzer: every known input, and some seeded damage to each.
struct ReplayTests {
    private func corpus(_ target: FuzzTarget) -> FuzzCorpus {
        // The working directory of `swift test`, else where this file was compiled.
        var root = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
        if !FileManager.default.fileExists(atPath: root.appendingPathComponent("Package.swift").path) {
            root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        }
        return FuzzCorpus(target, in: root.appendingPathComponent("Fuzz"))
    }

    @Test(arguments: FuzzTarget.allCases) func everyKnownInputIsHandled(_ target: FuzzTarget) throws {
        let inputs = try corpus(target).inputs()
        #expect(inputs.count >= 5)
        for (index, input) in inputs.enumerated() {
            let complaint = input.withUnsafeBytes { target.complaint(about: $0) }
            #expect(complaint == nil, "line \(index + 1) of \(target.rawValue).hex")
        }
    }

    /// A file in `Fuzz/Crashes` is a failure until the cause is mended, and a guard from then on.
    @Test(arguments: FuzzTarget.allCases) func everyKnownCrashIsHandled(_ target: FuzzTarget) throws {
        for (name, bytes) in try corpus(target).failures() {
            let complaint = bytes.withUnsafeBytes { target.complaint(about: $0) }
            #expect(complaint == nil, "Fuzz/Crashes/\(target.rawValue)/\(name)")
        }
    }

    @Test(arguments: FuzzTarget.allCases, [UInt64(1), 20_261_125]) func damagedInputsAreHandled(_ target: FuzzTarget, seed: UInt64) throws {
        let inputs = try corpus(target).inputs()
        var random = Damage(seed: seed)
        for round in 0..<3_000 {
            var input = inputs[round % inputs.count]
            random.damage(&input)
            let complaint = input.withUnsafeBytes { target.complaint(about: $0) }
            #expect(complaint == nil, "seed \(seed), round \(round): \(input.map { String($0, radix: 16) }.joined(separator: " "))")
            if complaint != nil { return }
        }
    }
}

/// Seeded mutations (SplitMix64).
private struct Damage: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }

    mutating func damage(_ bytes: inout [UInt8]) {
        for _ in 0..<Int.random(in: 1...4, using: &self) where !bytes.isEmpty {
            let at = Int.random(in: bytes.indices, using: &self)
            let length = min(Int.random(in: 1...16, using: &self), bytes.count - at)
            switch Int.random(in: 0..<5, using: &self) {
            case 0: bytes[at] = .random(in: 0...255, using: &self)
            case 1: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &self)
            case 2: bytes.removeSubrange(at..<at + length)
            case 3: bytes.insert(contentsOf: bytes[at..<at + length], at: Int.random(in: bytes.indices, using: &self))
            default: bytes.removeSubrange(at...)
            }
        }
    }
}
