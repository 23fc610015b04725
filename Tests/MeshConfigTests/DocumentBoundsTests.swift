import Foundation
import MeshConfig
import MeshPolicy
import MeshTypes
import Testing

/// What a hostile or careless file could do to the reader.
@Suite struct DocumentBoundsTests {
    private func parse(_ text: String) throws(DocumentErrors) -> Document {
        try Document(bytes: Array(text.utf8), file: "x.yaml", limit: 1 << 20)
    }

    /// YAML ends a line at each of these, and with it a comment.
    @Test(arguments: ["\r", "\u{85}", "\u{2028}", "\u{2029}"])
    func otherLineBreaksHideNeitherDepthNorAnchors(lineBreak: String) {
        let anchor = errors { () throws(DocumentErrors) in try parse("a: 1 # remark\(lineBreak)b: &b [x]\n") }
        #expect(anchor.first?.message.contains("line break") == true, "\(anchor)")
        let tower = String(repeating: "[", count: 300) + String(repeating: "]", count: 300)
        let deep = errors { () throws(DocumentErrors) in try parse("# remark\(lineBreak)\(tower)\n") }
        #expect(deep.first?.message.contains("line break") == true, "\(deep)")
    }

    @Test func linesMayEndAsWindowsEndsThem() throws {
        let document = try parse("a: b\r\nc: [d]\r\n")
        #expect(document.root?.mapping(keys: ["a", "c"])?["a"]?.string() == "b")
        try document.finish()
    }

    @Test func aDocumentIsFreedWithItsLastReader() throws {
        weak var kept: Document?
        do {
            let document = try parse("a: 1\n")
            kept = document
            _ = document.root?.mapping(keys: ["a"])
        }
        #expect(kept == nil)
    }

    @Test func whatMessagesQuoteIsShortAndWithoutControlCharacters() throws {
        let document = try parse("\"\\e[31m\(String(repeating: "k", count: 900))\": 1\na: \"\\e]0;title\\a\"\n")
        let mapping = try #require(document.root?.mapping(keys: ["a"]))
        _ = mapping["a"]?.port()
        let found = errors { () throws(DocumentErrors) in try document.finish() }
        #expect(found.count == 2)
        for error in found {
            #expect(error.description.utf8.count < 300)
            #expect(!error.description.unicodeScalars.contains { $0.value < 32 && $0 != "\n" }, "\(error)")
        }
    }

    @Test func aKeyThatIsWrittenTwiceInTwoWaysIsFound() throws {
        let document = try parse("deny: [a]\n!x deny: []\n")
        _ = document.root?.mapping(keys: ["deny"])
        let found = errors { () throws(DocumentErrors) in try document.finish() }
        #expect(found.first?.line == 2 && found.first?.message.contains("twice") == true, "\(found)")
    }

    @Test func anUnquotedStarIsExplained() throws {
        let found = errors { () throws(DocumentErrors) in try parse("allow: [*]\n") }
        #expect(found.first?.line == 1 && found.first?.suggestion.contains("\"*\"") == true, "\(found)")
    }
}
