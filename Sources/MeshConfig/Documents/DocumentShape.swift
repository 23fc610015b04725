/// What is looked for in the text before a parser sees it, so that no document can make the parser recurse deeply or expand.
///
/// Anchors are refused altogether: without them there are no aliases, hence neither cycles nor expansion. The look is on lines and
/// ignores quotes, so it can only be too strict: a quoted word that begins with `&` counts as an anchor too. Lines end with LF or CRLF;
/// YAML's other line breaks are refused, since a comment that ends at one would hide what follows it from this look.
enum DocumentShape {
    static let maximumDepth = 64
    static let maximumIndentation = 512

    static func check(_ text: String, file: String) throws(DocumentError) {
        var line = 1
        var depth = 0
        for bytes in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            try checkLineBreaks(Array(bytes), line: line, file: file)
            let content = Array(withoutComment(bytes))
            try checkIndentation(content, line: line, file: file)
            try checkCharacters(content, line: line, file: file, depth: &depth)
            line += 1
        }
    }

    /// YAML 1.1 §4.2: CR, NEL, LS and PS end a line as well.
    private static func checkLineBreaks(_ bytes: [UInt8], line: Int, file: String) throws(DocumentError) {
        for (column, byte) in bytes.enumerated() {
            let breaks =
                switch byte {
                case 0x0d: column + 1 < bytes.count
                case 0xc2: bytes[(column + 1)...].starts(with: [0x85])
                case 0xe2: bytes[(column + 1)...].starts(with: [0x80, 0xa8]) || bytes[(column + 1)...].starts(with: [0x80, 0xa9])
                default: false
                }
            guard breaks else { continue }
            throw DocumentError(
                file: file, line: line, column: column + 1, message: "holds a line break other than LF or CRLF",
                suggestion: "save the file with Unix line ends")
        }
    }

    private static func checkIndentation(_ content: [UInt8], line: Int, file: String) throws(DocumentError) {
        var dashes = 0
        for (column, byte) in content.enumerated() {
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\t"): break
            case UInt8(ascii: "-"), UInt8(ascii: "?"): dashes += 1
            default: return
            }
            if column >= maximumIndentation || (dashes > maximumDepth && content[0] != UInt8(ascii: "#")) {
                throw tooDeep(line: line, column: column + 1, file: file)
            }
        }
    }

    private static func checkCharacters(_ content: [UInt8], line: Int, file: String, depth: inout Int) throws(DocumentError) {
        var previous = UInt8(ascii: " ")
        for (column, byte) in content.enumerated() {
            switch byte {
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                depth += 1
                if depth > maximumDepth { throw tooDeep(line: line, column: column + 1, file: file) }
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth = max(0, depth - 1)
            case UInt8(ascii: "&") where beginsToken(after: previous) && continuesAsName(content, column):
                throw DocumentError(
                    file: file, line: line, column: column + 1, message: "anchors and aliases (&x, *x) are not accepted",
                    suggestion: "write the value out at each place")
            default: break
            }
            previous = byte
        }
    }

    private static func tooDeep(line: Int, column: Int, file: String) -> DocumentError {
        DocumentError(
            file: file, line: line, column: column, message: "is nested more than \(maximumDepth) levels deep",
            suggestion: "no key of this file needs more than 6 levels")
    }

    /// YAML lets an anchor begin wherever a value may.
    private static func beginsToken(after byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "["), UInt8(ascii: "{"), UInt8(ascii: "]"),
            UInt8(ascii: "}"), UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: "-"), UInt8(ascii: "?"), UInt8(ascii: "\""),
            UInt8(ascii: "'"):
            true
        default: byte >= 0x80
        }
    }

    private static func continuesAsName(_ content: [UInt8], _ column: Int) -> Bool {
        guard column + 1 < content.count else { return false }
        return content[column + 1] != UInt8(ascii: " ")
    }

    /// The line up to a comment in which nothing can be quoted; the whole line when in doubt.
    private static func withoutComment(_ line: Substring.UTF8View.SubSequence) -> Substring.UTF8View.SubSequence {
        var previous = UInt8(ascii: " ")
        for index in line.indices {
            if line[index] == UInt8(ascii: "#"), previous == UInt8(ascii: " ") || previous == UInt8(ascii: "\t") {
                let comment = line[index...]
                let quotes = comment.contains { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "'") }
                return quotes ? line : line[..<index]
            }
            previous = line[index]
        }
        return line
    }
}
