import MeshProtocols
import MeshRouting
import Testing

/// What policies change in messages on their way (R4.4).
struct MessageChangeTests {
    private func target(_ change: (inout Rewrite) -> Void, _ target: String) -> String {
        var rewrite = Rewrite()
        change(&rewrite)
        var writer = HeadWriter()
        Array(target.utf8).withUnsafeBytes { rewrite.write($0, to: &writer) }
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    @Test(arguments: [("/old?x=1&y", "/new?x=1&y"), ("/a/b", "/new"), ("", "/new"), ("/", "/new"), ("*", "*"), ("/a?", "/new?")])
    func aWholePathIsReplacedAndTheQueryKept(before: String, after: String) {
        #expect(target({ $0.path = .whole(Array("/new".utf8)) }, before) == after)
    }

    @Test(arguments: [
        ("/old/", "/new/", "/old/a/b?c", "/new/a/b?c"), ("/old/", "/new/", "/old", "/new"), ("/old/", "/new/", "/old?c", "/new?c"),
        ("/old/", "/", "/old/a", "/a"), ("/old/", "/", "/old", "/"), ("/old/", "/", "/old/", "/"), ("/old", "/new", "/older", "/newer"),
        ("/", "/v2/", "/a?b", "/v2/a?b"), ("/", "/v2/", "", "/v2/"), ("/", "/v2/", "*", "*"), ("/old/", "/new/", "/older", "/older"),
    ])
    func aPrefixIsReplacedWhereItStands(old: String, new: String, before: String, after: String) {
        #expect(target({ $0.path = .prefix(Array(old.utf8), with: Array(new.utf8)) }, before) == after)
    }

    @Test(arguments: ["", "a", "/a b", "/a?b", "/a#b", "/a//b", "/a/../b", "/.", "/ä", "//", "/a\\b", "/a\r\nx: y"])
    func whatIsNoPlainPathIsNone(text: String) { #expect(!Rewrite.isPath(text)) }

    @Test(arguments: ["/", "/a", "/a/", "/a/b.c/d%20e"]) func aPlainPathIsOne(text: String) { #expect(Rewrite.isPath(text)) }

    @Test func aHostIsAHost() {
        for host in ["a", "a.b:80", "[::1]:80", "10.0.0.1"] { #expect(Rewrite.isHost(host), "\(host)") }
        for host in ["", "a b", "a/b", "u@h", "a\r\nx:y", "a#b"] { #expect(!Rewrite.isHost(host), "\(host)") }
    }

    @Test(arguments: [
        "host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade", "expect",
        "x-myelin-deadline", "x-myelin-anything", "traceparent", "x-request-id", "grpc-timeout", "a b", "", "a:", "ä", ":path",
    ])
    func whatFramesOrAddressesIsNotTouched(name: String) { #expect(HeaderChanges.refusal(of: name) != nil) }

    @Test func otherFieldsMayBe() {
        for name in ["x-a", "content-type", "authorization", "cookie", "hosts"] { #expect(HeaderChanges.refusal(of: name) == nil) }
        for value in ["", " a", "a ", "a\r\nb", "a\u{0}", String(repeating: "a", count: HeaderChanges.longestValue + 1)] {
            #expect(!HeaderChanges.isValue(value))
        }
        #expect(HeaderChanges.isValue("a b; c=\"d\"\t€"))
    }

    @Test func changesAreFoundAgainInTheirBytes() {
        let changes = HeaderChanges(set: [("x-a", "1"), ("x-bb", "2 3")], add: [("x-a2", "4")], remove: ["x-gone"])
        changes.encoded.withUnsafeBytes { bytes in
            let encoded = EncodedHeaderChanges(bytes)
            func drops(_ name: String) -> Bool { Array(name.utf8).withUnsafeBytes { encoded.drop($0) } }
            for name in ["x-a", "X-BB", "x-Gone"] { #expect(drops(name)) }
            for name in ["x-a2", "x-b", "x", "", "x-gone2", "x-a\u{4}x-bb"] { #expect(!drops(name)) }
            #expect(String(decoding: encoded.lines, as: UTF8.self) == "x-a: 1\r\nx-bb: 2 3\r\nx-a2: 4\r\n")
        }
        #expect(HeaderChanges(remove: ["x"]).encoded.withUnsafeBytes { EncodedHeaderChanges($0).lines.isEmpty })
        #expect(HeaderChanges.none.isEmpty && EncodedHeaderChanges.none.lines.isEmpty)
    }
}
