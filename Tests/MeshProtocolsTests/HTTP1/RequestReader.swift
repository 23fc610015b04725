import MeshProtocols

/// Reads a message as the data path does, in pieces of any size.
struct RequestReader {
    enum Outcome: Equatable {
        /// How many bytes the whole message has.
        case whole(Int)
        case incomplete
        case refused(HTTPRefusal)
    }

    /// - Parameter step: bytes that come at a time.
    static func read(_ bytes: [UInt8], step: Int) -> Outcome {
        var empty = EmptyLines()
        let start = bytes.withUnsafeBytes { empty.skip($0) }
        var scanner = HeadScanner()
        var table = FieldTable()
        var available = start
        var head: Int?
        while head == nil {
            guard available < bytes.count else { return .incomplete }
            available = min(bytes.count, available + step)
            let outcome = bytes[start..<available].withUnsafeBytes { scanner.scan($0) }
            switch outcome {
            case .incomplete: continue
            case .refused(let refusal): return .refused(refusal)
            case .complete(let length): head = start + length
            }
        }
        let parsed = bytes[start..<head!].withUnsafeBytes { RequestHead.parse($0, into: &table) }
        guard case .success(let request) = parsed else {
            guard case .failure(let refusal) = parsed else { return .incomplete }
            return .refused(refusal)
        }
        var body = BodyProgress(request.body)
        var position = head!
        while !body.hasEnded {
            guard position < bytes.count else { return .incomplete }
            let end = min(bytes.count, position + step)
            switch bytes[position..<end].withUnsafeBytes({ body.take($0) }) {
            case .failure(let refusal): return .refused(refusal)
            case .success(let taken): position += taken
            }
        }
        return .whole(position)
    }
}
