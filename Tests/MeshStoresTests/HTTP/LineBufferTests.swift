import MeshStores
import Testing

struct LineBufferTests {
    @Test(arguments: 1...9) func cutsWhereverTheChunksEnd(size: Int) throws {
        let text = Array("one\n\ntwo\nthree\nrest".utf8)
        var buffer = LineBuffer(longest: 10)
        var lines: [String] = []
        for start in stride(from: 0, to: text.count, by: size) {
            buffer.append(text[start..<min(start + size, text.count)])
            while let line = try buffer.next() { lines.append(String(decoding: line, as: UTF8.self)) }
        }
        #expect(lines == ["one", "two", "three"])
        #expect(buffer.rest.map { String(decoding: $0, as: UTF8.self) } == "rest")
    }

    @Test func refusesALineWithoutEnd() throws {
        var buffer = LineBuffer(longest: 10)
        buffer.append(Array("0123456789".utf8))
        #expect(try buffer.next() == nil)
        buffer.append(Array("0".utf8))
        #expect(throws: StoreError.tooLarge(limit: 10)) { try buffer.next() }
    }
}
