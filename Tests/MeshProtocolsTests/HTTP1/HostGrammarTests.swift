import MeshProtocols
import Testing

/// Hosts as RFC 3986 has them.
@Suite struct HostGrammarTests {
    private func isValid(_ text: String) -> Bool { Array(text.utf8).withUnsafeBytes { HostGrammar.isValid($0) } }

    @Test(arguments: [
        "a", "a.b-c_d~e", "A:80", "a:", "a:00080", "a:65535", "a:0", "10.0.0.1:80", "256.256.256.256", "a!$&'()*+,;=b", "%41%e4", "a%2F",
        "[::]", "[::1]", "[::1]:80", "[1:2:3:4:5:6:7:8]", "[1::8]", "[1:2:3:4:5:6:7::]", "[::2:3:4:5:6:7:8]", "[::ffff:10.0.0.1]:",
        "[fe80::A]",
        "[1:2:3:4:5:6:10.0.0.1]", "[v1.a:b]", "[VF.~]",
    ])
    func acceptsWhatIsLegal(text: String) { #expect(isValid(text)) }

    @Test(arguments: [
        "", ":", ":80", "a:80:80", "a:x", "a:-1", "a:+1", "a: 80", "a:65536", "a:99999999999999999999999", "[::1", "::1]", "[]", "[]:80",
        "[a]",
        "[::1]a", "[::1]80", "[::1]::", "[:::]", "[1::2::3]", "[1:2:3:4:5:6:7]", "[1:2:3:4:5:6:7:8:9]", "[1:2:3:4:5:6:7::8]", "[12345::]",
        "[:1]",
        "[1:]", "[::g]", "[::1%25eth0]", "[fe80::1%eth0]", "[10.0.0.1]", "[::10.0.0]", "[::10.0.0.256]", "[::10.0.0.01]", "[::1.2.3.4:5]",
        "[v.a]", "[v1.]", "[vg.a]", "[v1a]", "u@a", "a b", "a/b", "a?b", "a#b", "a\\b", "a%", "a%4", "a%4g", "a\"", "a<", "a|", "a^", "a`",
        "a{",
        "é", "a\u{1}", "[::1]]", "[[::1]]", "a[",
    ])
    func refusesEverythingElse(text: String) { #expect(!isValid(text)) }
}
