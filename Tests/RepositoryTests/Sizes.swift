/// Files and functions that have grown too long to be read in one go.
enum Sizes {
    static let longestFile = 500
    static let longestFunction = 60

    static func fileFindings(in file: Repository.File) -> [Finding] {
        let count = file.text.hasSuffix("\n") ? file.lines.count - 1 : file.lines.count
        guard count > longestFile else { return [] }
        return [Finding(path: file.path, line: count, message: "\(count) lines, at most \(longestFile): extract a noun")]
    }

    static func functionFindings(in file: Repository.File) -> [Finding] {
        functions(in: file.text).filter { $0.length > longestFunction }.map {
            Finding(path: file.path, line: $0.line, message: "\($0.name) has \($0.length) lines, at most \(longestFunction)")
        }
    }

    struct Function: Equatable {
        let name: String
        let line: Int
        let length: Int
    }

    /// Every function, initialiser, deinitialiser and subscript with a body; nested ones count for themselves and for the outer one.
    static func functions(in text: String) -> [Function] {
        let code = Array(SwiftText.codeOnly(text).utf8)
        var found: [Function] = []
        var line = 1
        var index = 0
        while index < code.count {
            if code[index] == UInt8(ascii: "\n") { line += 1 }
            if isLetter(code[index]), index == 0 || !isWord(code[index - 1]) {
                let end = wordEnd(code, from: index)
                let word = String(decoding: code[index..<end], as: UTF8.self)
                if declarations.contains(word), index == 0 || code[index - 1] != UInt8(ascii: "."), let close = bodyEnd(code, from: end) {
                    let length = code[index..<close].reduce(into: 1) { if $1 == UInt8(ascii: "\n") { $0 += 1 } }
                    found.append(Function(name: name(code, keyword: word, from: end), line: line, length: length))
                }
                index = end
            } else {
                index += 1
            }
        }
        return found
    }

    private static let declarations: Set<String> = ["func", "init", "deinit", "subscript"]
    /// A keyword that begins another declaration: what came before had no body (a protocol's requirement, a call).
    private static let boundaries: Set<String> = [
        "func", "init", "deinit", "subscript", "var", "let", "case", "struct", "enum", "class", "extension",
    ]

    private static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z") }
    private static func isWord(_ byte: UInt8) -> Bool {
        isLetter(byte) || (byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")) || byte == UInt8(ascii: "_") || byte >= 0x80
    }
    private static func wordEnd(_ code: [UInt8], from start: Int) -> Int {
        var end = start
        while end < code.count, isWord(code[end]) { end += 1 }
        return end
    }

    private static func name(_ code: [UInt8], keyword: String, from start: Int) -> String {
        guard keyword == "func" else { return keyword }
        let rest = code[start...].drop { $0 == UInt8(ascii: " ") }
        let isOperator = rest.first.map { !isWord($0) && $0 != UInt8(ascii: "`") } ?? false
        return String(
            decoding: rest.prefix { isOperator ? !isWord($0) && !" (".utf8.contains($0) : isWord($0) || $0 == UInt8(ascii: "`") },
            as: UTF8.self)
    }

    /// Where the body that belongs to a declaration ends, or nil if it has none.
    private static func bodyEnd(_ code: [UInt8], from start: Int) -> Int? {
        var index = start
        var parentheses = 0
        while index < code.count {
            let byte = code[index]
            switch byte {
            case UInt8(ascii: "("), UInt8(ascii: "["): parentheses += 1
            case UInt8(ascii: ")"), UInt8(ascii: "]"):
                parentheses -= 1
                if parentheses < 0 { return nil }
            case UInt8(ascii: "{") where parentheses == 0: return closingBrace(code, from: index)
            case UInt8(ascii: "}") where parentheses == 0: return nil
            case _ where parentheses == 0 && isLetter(byte) && !isWord(code[index - 1]):
                let end = wordEnd(code, from: index)
                if boundaries.contains(String(decoding: code[index..<end], as: UTF8.self)) { return nil }
                index = end - 1
            default: break
            }
            index += 1
        }
        return nil
    }

    private static func closingBrace(_ code: [UInt8], from open: Int) -> Int? {
        var depth = 0
        for index in open..<code.count {
            if code[index] == UInt8(ascii: "{") { depth += 1 }
            if code[index] == UInt8(ascii: "}") {
                depth -= 1
                if depth == 0 { return index }
            }
        }
        return nil
    }
}
