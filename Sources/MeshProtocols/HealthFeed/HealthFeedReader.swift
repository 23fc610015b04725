internal import MeshTypes

/// Reads statements, however their bytes arrive. A value: no clock, no I/O.
package struct HealthFeedReader: Sendable {
    private var line: [UInt8] = []
    private var statement: [HealthFeed.Line] = []
    private var second: UInt64 = 0
    private var linesInSecond = 0
    private var isBroken = false

    package init() {}

    /// - Parameter now: monotonic nanoseconds.
    /// - Returns: the statements that were completed, in order; nil when the peer says what is no statement, or too much. That is final.
    package mutating func take(_ bytes: UnsafeRawBufferPointer, now: UInt64) -> [[HealthFeed.Line]]? {
        guard !isBroken else { return nil }
        if now / 1_000_000_000 != second {
            second = now / 1_000_000_000
            linesInSecond = 0
        }
        var complete: [[HealthFeed.Line]] = []
        for byte in bytes {
            if byte != UInt8(ascii: "\n") {
                line.append(byte)
                guard line.count <= HealthFeed.longestLine else { return giveUp() }
                continue
            }
            linesInSecond += 1
            guard linesInSecond <= HealthFeed.maximumLinesPerSecond else { return giveUp() }
            if line.elementsEqual(HealthFeedWriter.end) {
                complete.append(statement)
                statement.removeAll()
            } else {
                guard statement.count < HealthFeed.maximumEndpoints, let parsed = Self.parse(line) else { return giveUp() }
                statement.append(parsed)
            }
            line.removeAll(keepingCapacity: true)
        }
        return complete
    }

    private mutating func giveUp() -> [[HealthFeed.Line]]? {
        self = HealthFeedReader()
        isBroken = true
        return nil
    }

    private static func parse(_ line: [UInt8]) -> HealthFeed.Line? {
        guard let space = line.firstIndex(of: UInt8(ascii: " ")) else { return nil }
        guard let endpoint = line[..<space].withUnsafeBytes(Authority.parse) else { return nil }
        let word = line[(space + 1)...]
        if word.elementsEqual(HealthFeedWriter.ready) { return HealthFeed.Line(endpoint: endpoint, isReady: true) }
        if word.elementsEqual(HealthFeedWriter.unready) { return HealthFeed.Line(endpoint: endpoint, isReady: false) }
        return nil
    }
}
