import MeshTypes
import Testing

/// What strangers wrote steers no terminal and reads as what it is.
struct VisibleTextTests {
    /// ESC, NUL, DEL, CSI (C1), NEL, line and paragraph separators, marks of direction, invisible ones, tags, odd spaces, private use, unassigned.
    private static let hidden: [UInt32] =
        [0x1b, 0x00, 0x7f, 0x9b, 0x85, 0x2028, 0x2029, 0x202e, 0x202a, 0x2066, 0x2069, 0x200e, 0x200f, 0x061c]
        + [
            0x200b, 0x200d, 0x2060, 0xfeff, 0x00ad, 0x034f, 0x115f, 0x3164, 0x2800, 0xfe0f, 0xe0041, 0xe0100, 0x00a0, 0x3000, 0xe000,
            0x0378,
        ]

    @Test(arguments: hidden)
    func isEscaped(value: UInt32) {
        let scalar = Unicode.Scalar(value)!
        let text = "a\(Character(scalar))b"
        #expect(!VisibleText.shows(scalar))
        #expect(VisibleText.plain(text) == "a\\u{\(String(value, radix: 16))}b")
        for shown in [VisibleText.json(text), VisibleText.plain(text)] { #expect(shown.utf8.allSatisfy { (0x20..<0x7f).contains($0) }) }
    }

    @Test func jsonHasFourDigitsAndSurrogates() {
        #expect(VisibleText.json("\u{9b}31m\u{202e}") == "\\u009b31m\\u202e")
        #expect(VisibleText.json("\u{e0041}") == "\\udb40\\udc41")
        #expect(VisibleText.json("say \"\\\"\n") == "say \\\"\\\\\\\"\\u000a")
        #expect(VisibleText.json(document: "{\n  \"a\\n\" : \"\u{202e}ü\"\n}") == "{\n  \"a\\n\" : \"\\u202eü\"\n}")
    }

    @Test func textStaysText() {
        for text in ["", "/internal/v1/wallet?x=1", "größe", "кошелёк", "財布", "😀", "e\u{301}", "\u{fffd}"] {
            #expect(VisibleText.plain(text) == text && VisibleText.json(text) == text && VisibleText.json(document: text) == text)
        }
        #expect(VisibleText.plain("a\nb", keepingLines: true) == "a\nb" && VisibleText.plain("a\nb") == "a\\u{a}b")
    }
}
