import MeshProtocols
import Testing

@Suite struct FirstBytesTests {
    private static func guess(_ text: String) -> FirstBytes { Array(text.utf8).withUnsafeBytes { FirstBytes.guess($0) } }
    private static func guess(_ bytes: [UInt8]) -> FirstBytes { bytes.withUnsafeBytes { FirstBytes.guess($0) } }

    @Test(arguments: [
        "GET / HTTP/1.1\r\n", "POST /internal/v1/wallet/payout/claim HTTP/1.1\r\nhost: a\r\n\r\n", "OPTIONS * HTTP/1.0\r\n",
        "PROPFIND /x HTTP/1.1\n",
    ])
    func knowsRequestsByTheirWholeLine(_ text: String) {
        #expect(Self.guess(text) == .http1)
        let line = text.utf8.prefix { $0 != 10 }
        for length in 0...line.count { #expect(Self.guess(Array(line.prefix(length))) == .undecided, "\(length)") }
    }

    @Test func knowsThePreface() {
        let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        #expect(Self.guess(preface) == .http2)
        #expect(Self.guess(preface + "more") == .http2)
        for length in 0..<preface.utf8.count { #expect(Self.guess(Array(preface.utf8.prefix(length))) == .undecided) }
    }

    @Test(arguments: [
        "GET key\r\n", "SET a b\r\n", "*1\r\n$4\r\nPING\r\n", "\u{16}\u{3}\u{1}", "INFO {\"server_id\":\"x\"}\r\n", "\0\0\0\u{8}",
        "GET / HTTP/2.0\r\n", "GET /\u{1} HTTP/1.1\r\n", " GET / HTTP/1.1\r\n", String(repeating: "A", count: 33), "CONNECT {}\r\n",
    ])
    func takesNothingElseForHTTP(_ text: String) { #expect(Self.guess(text) == .other) }

    @Test func givesUpOnALineThatDoesNotEnd() {
        #expect(Self.guess("GET /" + String(repeating: "a", count: 9000)) == .other)
    }

    @Test func declaredHTTPIsAskedForItsVersionOnly() {
        func version(_ text: String) -> FirstBytes { Array(text.utf8).withUnsafeBytes { FirstBytes.version($0) } }
        #expect(version("P") == .undecided)
        #expect(version("PO") == .http1)
        #expect(version("nonsense") == .http1)
        #expect(version("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == .http2)
        #expect(version("PRI * HTTP/2.0\r\n\r\nSX") == .http1)
    }
}
