import MeshProtocols
import Testing

/// What goes on of a chunked body: the same however it is cut, and readable in one way.
@Suite struct ChunkedBodyTests {
    private func passed(_ text: String, step: Int) -> (text: String, refusal: HTTPRefusal?, pieces: Int) {
        let bytes = Array(text.utf8)
        var body = BodyProgress(.chunked)
        var passed: [UInt8] = []
        var pieces = 0
        var position = 0
        while position < bytes.count, !body.hasEnded {
            let end = min(bytes.count, position + step)
            let outcome = bytes[position..<end].withUnsafeBytes {
                body.take($0) {
                    passed += $0
                    pieces += 1
                }
            }
            guard case .success(let count) = outcome else {
                guard case .failure(let refusal) = outcome else { break }
                return (String(decoding: passed, as: UTF8.self), refusal, pieces)
            }
            position += count
        }
        return (String(decoding: passed, as: UTF8.self), nil, pieces)
    }

    @Test(arguments: [
        ("3\r\nabc\r\n0\r\n\r\n", "3\r\nabc\r\n0\r\n\r\n"),
        ("3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n", "3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n"),
        ("3;a=\"b;\\\"c\"\r\nabc\r\n0;z\r\n\r\n", "3\r\nabc\r\n0\r\n\r\n"),
        ("3 \t; a = b\r\nabc\r\n0\r\n\r\n", "3\r\nabc\r\n0\r\n\r\n"),
        ("0003\r\nabc\r\n00A\r\n0123456789\r\n000\r\n\r\n", "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"),
        ("00;a\r\n\r\n", "0\r\n\r\n"), ("10\r\n0123456789abcdef\r\n0\r\n\r\n", "10\r\n0123456789abcdef\r\n0\r\n\r\n"),
        ("0\r\nContent-Length: 5\r\nx-a: 1\r\nHost: b\r\ntransfer-encoding: chunked\r\nx-b: 2\r\n\r\n", "0\r\nx-a: 1\r\nx-b: 2\r\n\r\n"),
        ("0\r\nset-cookie: a=1\r\nServer-Timing: a;dur=1\r\n\r\n", "0\r\nServer-Timing: a;dur=1\r\n\r\n"),
        ("0\r\nauthorization: a\r\n\r\n", "0\r\n\r\n"), ("0\r\ncontent-type:a\r\n\r\n", "0\r\n\r\n"),
        ("0\r\nX_Forwarded_Client_Cert: a\r\nx-myelin-source: b\r\nforwarded: for=1\r\n\r\n", "0\r\n\r\n"),
        ("0\r\nx-content-length: 1\r\ncontent-lengthy: 2\r\n\r\n", "0\r\nx-content-length: 1\r\ncontent-lengthy: 2\r\n\r\n"),
        (
            "0\r\n\(String(repeating: "n", count: 65)): 1\r\n\(String(repeating: "n", count: 64)): 2\r\n\r\n",
            "0\r\n\(String(repeating: "n", count: 64)): 2\r\n\r\n"
        ),
    ])
    func whatGoesOnIsTheSameHoweverItIsCut(text: String, expected: String) {
        for step in 1...text.utf8.count {
            let outcome = passed(text, step: step)
            #expect(outcome.refusal == nil && outcome.text == expected, "in steps of \(step)")
        }
    }

    @Test func aBodyWithNothingToLeaveOutGoesOnInOnePiece() {
        let text = "5\r\n00000\r\n1\r\na\r\n0\r\nx-sum: 1\r\nx-other: 2\r\n\r\n"
        #expect(passed(text, step: text.utf8.count).pieces == 1)
    }

    @Test func nothingBehindWhatIsRefusedGoesOn() {
        for (text, refusal) in [
            ("3\r\nabc\r\nz\r\n", HTTPRefusal.badChunk), ("0\r\nhost : a\r\n\r\n", .badTrailer), ("3;;\r\n", .badChunk),
        ] {
            for step in 1...text.utf8.count { #expect(passed(text, step: step).refusal == refusal) }
        }
    }
}
