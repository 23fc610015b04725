internal import MeshProtocols

/// A body ends at the same byte, or is refused for the same reason, however it is cut.
enum BodyProperty {
    private enum Outcome: Equatable {
        case ended(Int, passed: [UInt8]), open(Int)
        case refused(HTTPRefusal)
    }

    static func complaint(_ bytes: UnsafeRawBufferPointer) -> String? {
        guard let first = bytes.first else { return nil }
        // One input in four is counted, the others are chunked.
        let length: BodyLength = first & 0xc0 == 0xc0 ? .exactly(UInt64(first & 63)) : .chunked
        let body = bytes.slice((length == .chunked ? 0 : 1)..<bytes.count)
        let whole = read(length, body, longest: max(1, body.count))
        for longest in [1, 7, 100] {
            let cut = read(length, body, longest: longest)
            if cut != whole { return "\(whole) at once, \(cut) in pieces of up to \(longest) bytes" }
        }
        // What went on is a body of its own, to which nothing needs to be done any more.
        if case .ended(_, let passed) = whole {
            let again = passed.withUnsafeBytes { read(length, $0, longest: max(1, passed.count)) }
            if again != .ended(passed.count, passed: passed) { return "what went on reads as \(again)" }
        }
        return nil
    }

    private static func read(_ length: BodyLength, _ bytes: UnsafeRawBufferPointer, longest: Int) -> Outcome {
        var progress = BodyProgress(length)
        var total = 0
        var passed: [UInt8] = []
        for piece in longest >= bytes.count ? [0..<bytes.count] : Array(Cuts(bytes, longest: longest)) where !progress.hasEnded {
            switch progress.take(bytes.slice(piece), { passed += $0 }) {
            case .failure(let refusal): return .refused(refusal)
            case .success(let count):
                precondition(count >= 0 && count <= piece.count, "took \(count) of \(piece.count) bytes")
                precondition(count == piece.count || progress.hasEnded, "left bytes of a body that goes on")
                total += count
            }
        }
        return progress.hasEnded ? .ended(total, passed: passed) : .open(total)
    }
}
