/// Swift source with comments and the contents of strings blanked out, so that braces and words can be counted.
/// Lines keep their numbers. It knows nested comments, raw and multi-line strings, and interpolation.
struct SwiftText {
    private let bytes: [UInt8]
    private var at = 0
    private var output: [UInt8] = []

    static func codeOnly(_ text: String) -> String {
        var scanner = SwiftText(bytes: Array(text.utf8))
        scanner.code(untilClosingParenthesis: false)
        return String(decoding: scanner.output, as: UTF8.self)
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
        output.reserveCapacity(bytes.count)
    }

    private func starts(with text: StaticString, at offset: Int) -> Bool {
        let count = text.utf8CodeUnitCount
        guard offset + count <= bytes.count else { return false }
        for index in 0..<count where bytes[offset + index] != text.utf8Start[index] { return false }
        return true
    }

    /// Keeps `count` bytes, or blanks them; line breaks always stay.
    private mutating func take(_ count: Int, blank: Bool) {
        for _ in 0..<count where at < bytes.count {
            let byte = bytes[at]
            output.append(blank && byte != UInt8(ascii: "\n") ? UInt8(ascii: " ") : byte)
            at += 1
        }
    }

    private mutating func code(untilClosingParenthesis: Bool) {
        var depth = 0
        while at < bytes.count {
            if starts(with: "//", at: at) {
                while at < bytes.count, bytes[at] != UInt8(ascii: "\n") { take(1, blank: true) }
            } else if starts(with: "/*", at: at) {
                blockComment()
            } else if let hashes = stringOpening() {
                string(hashes: hashes)
            } else {
                if bytes[at] == UInt8(ascii: "(") { depth += 1 }
                if bytes[at] == UInt8(ascii: ")") {
                    if untilClosingParenthesis, depth == 0 { return }
                    depth -= 1
                }
                take(1, blank: untilClosingParenthesis)
            }
        }
    }

    private mutating func blockComment() {
        var depth = 0
        repeat {
            if starts(with: "/*", at: at) {
                depth += 1
                take(2, blank: true)
            } else if starts(with: "*/", at: at) {
                depth -= 1
                take(2, blank: true)
            } else {
                take(1, blank: true)
            }
        } while depth > 0 && at < bytes.count
    }

    /// The number of `#` before a quote at this place; nil if no string begins here.
    private func stringOpening() -> Int? {
        var offset = at
        while offset < bytes.count, bytes[offset] == UInt8(ascii: "#") { offset += 1 }
        guard offset < bytes.count, bytes[offset] == UInt8(ascii: "\"") else { return nil }
        return offset - at
    }

    private func hashes(_ count: Int, at offset: Int) -> Bool {
        guard offset + count <= bytes.count else { return false }
        return (0..<count).allSatisfy { bytes[offset + $0] == UInt8(ascii: "#") }
    }

    private mutating func string(hashes count: Int) {
        take(count, blank: true)
        let isMultiLine = starts(with: "\"\"\"", at: at)
        let quotes = isMultiLine ? 3 : 1
        take(quotes, blank: true)
        while at < bytes.count {
            if bytes[at] == UInt8(ascii: "\\"), hashes(count, at: at + 1) {
                take(1 + count, blank: true)
                if at < bytes.count, bytes[at] == UInt8(ascii: "(") {
                    take(1, blank: true)
                    code(untilClosingParenthesis: true)
                }
                take(1, blank: true)
            } else if isMultiLine ? starts(with: "\"\"\"", at: at) : bytes[at] == UInt8(ascii: "\""), hashes(count, at: at + quotes) {
                take(quotes + count, blank: true)
                return
            } else if !isMultiLine, bytes[at] == UInt8(ascii: "\n") {
                return
            } else {
                take(1, blank: true)
            }
        }
    }
}
