import MeshProtocols
import Testing

/// The first line of an answer, as health checks read it.
@Suite struct StatusReaderTests {
    private func read(_ bytes: [UInt8], step: Int = .max) -> StatusReader.Progress {
        var reader = StatusReader()
        var progress = StatusReader.Progress.incomplete
        var index = 0
        while index < bytes.count {
            let end = index + min(step, bytes.count - index)
            progress = bytes[index..<end].withUnsafeBytes { reader.take($0) }
            index = end
        }
        return progress
    }

    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\n", StatusReader.Progress.status(200)), ("HTTP/1.0 503 Service Unavailable\r\nx: y\r\n", .status(503)),
        ("HTTP/1.1 204\r\n", .status(204)), ("HTTP/1.1 404 \r\n", .status(404)), ("HTTP/1.1 200 O\u{e4}\r\n", .status(200)),
        ("HTTP/1.1 200 OK\r\n\0\0\0", .status(200)),
        ("", .incomplete), ("HTTP/1.1 20", .incomplete), ("HTTP/1.1 200 OK\r", .incomplete),
        ("HTTP/1.1 200 OK\n", .refused), ("HTTP/1.1 200 OK\r\r\n", .refused), ("HTTP/2 200\r\n", .refused),
        ("http/1.1 200 OK\r\n", .refused),
        ("HTTP/1.1  200 OK\r\n", .refused), ("HTTP/1.1 2000 OK\r\n", .refused), ("HTTP/1.1 20x OK\r\n", .refused),
        ("HTTP/1.1 099 OK\r\n", .refused), ("HTTP/1.1 600 OK\r\n", .refused), ("HTTP/1.1 200 a\0b\r\n", .refused),
        ("SSH-2.0-x\r\n", .refused),
        ("\r\nHTTP/1.1 200 OK\r\n", .refused),
    ])
    func readsOnlyWhatIsAStatusLine(text: String, progress: StatusReader.Progress) {
        let bytes = Array(text.utf8)
        for step in 1...max(1, bytes.count) { #expect(read(bytes, step: step) == progress) }
    }

    @Test func aLineWithoutEndIsRefused() {
        let line = Array("HTTP/1.1 200 ".utf8)
        let longest = line + Array(repeating: UInt8(ascii: "a"), count: StatusReader.longestLine - line.count - 1)
        #expect(read(longest + [13, 10]) == .status(200))
        #expect(read(longest + [97, 13, 10]) == .refused)
        #expect(read(line + Array(repeating: 97, count: 1 << 20)) == .refused)
    }

    @Test func mutatedLinesAreReadInOneWay() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        for _ in 0..<20_000 {
            var bytes = Array("HTTP/1.1 200 OK\r\nserver: x\r\n".utf8)
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            #expect(read(bytes) == read(bytes, step: Int.random(in: 1...5, using: &random)), "seed \(seed): \(bytes)")
        }
    }
}
