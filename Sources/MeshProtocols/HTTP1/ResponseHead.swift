package import MeshTypes

/// A response's head, as ranges of the bytes that it was parsed from.
package struct ResponseHead: BitwiseCopyable, Sendable {
    package let status: Int
    /// The reason phrase, which may be empty.
    package let phrase: ByteRange
    package let isOldVersion: Bool
    package let body: BodyLength
    /// The sender will take another request on the connection.
    package let keepsAlive: Bool
    /// Of 101: it names what the connection changes to.
    package let namesProtocol: Bool
    package let retryAfter: ByteRange

    package var isInterim: Bool { status < 200 }
    /// Such an answer ends with its head and must say nothing of a body (RFC 9112 §6.1, RFC 9110 §8.6).
    package var isFramedByStatus: Bool { status < 200 || status == 204 }

    /// - Parameters:
    ///   - bytes: a whole head as `HeadScanner` found it.
    ///   - method: the request's, which decides whether there is a body (RFC 9112 §6.3).
    package static func parse(
        _ bytes: UnsafeRawBufferPointer, _ bounds: HeadBounds = .workload, answering method: HTTPMethod, into table: inout FieldTable
    ) -> Result<ResponseHead, HTTPRefusal> {
        let span = Span<UInt8>(_unsafeBytes: bytes)
        var line = StatusLine()
        if let refusal = line.parse(span) { return .failure(refusal) }
        var parser = FieldParser()
        if let refusal = parser.parse(span, from: line.end, bounds, into: &table) { return .failure(refusal) }
        let facts = parser.facts
        if facts.codings > 0 {
            if facts.contentLengths > 0 { return .failure(.lengthWithTransferCoding) }
            if line.isOldVersion { return .failure(.transferCodingInOldVersion) }
        }
        let body: BodyLength
        if method == .head || line.status < 200 || line.status == 204 || line.status == 304 {
            body = .none
        } else if facts.isChunked {
            body = .chunked
        } else if facts.contentLengths > 0 {
            body = facts.contentLength > 0 ? .exactly(facts.contentLength) : .none
        } else {
            body = .untilClose
        }
        // Who speaks of a body where there is none may send one.
        let isAmbiguous = (line.status < 200 || line.status == 204) && (facts.codings > 0 || facts.contentLength > 0)
        return .success(
            ResponseHead(
                status: line.status, phrase: line.phrase, isOldVersion: line.isOldVersion, body: body,
                keepsAlive: (line.isOldVersion ? facts.keepsAlive && !facts.closes : !facts.closes) && body != .untilClose
                    && !isAmbiguous,
                namesProtocol: facts.upgrades && facts.namesProtocol, retryAfter: facts.retryAfter))
    }
}

/// `version SP status SP [reason]` (RFC 9112 §4).
private struct StatusLine {
    var status = 0
    var phrase = ByteRange.empty
    var isOldVersion = false
    var end = 0

    mutating func parse(_ bytes: Span<UInt8>) -> HTTPRefusal? {
        // "HTTP/1.1 200" and at least CRLF, CRLF.
        guard bytes.count >= 16, bytes.matches("http/1.", at: ByteRange(0, 7)), bytes[0] == UInt8(ascii: "H"),
            ByteClass.isDigit(bytes[7]), bytes[8] == ByteClass.space
        else { return .badStartLine }
        isOldVersion = bytes[7] == UInt8(ascii: "0")
        for index in 9..<12 {
            guard ByteClass.isDigit(bytes[index]) else { return .badStartLine }
            status = status * 10 + Int(bytes[index] - 48)
        }
        // Above 599 no class is defined: a client takes it for a server's error (RFC 9110 §15), which is the client's to do.
        guard status >= 100 else { return .badStartLine }
        var index = 12
        // Without a phrase some servers leave the space out as well (§4: a client should be lenient with it).
        if bytes[index] == ByteClass.space { index += 1 }
        let start = index
        while ByteClass.isFieldValue(bytes[index]) { index += 1 }
        guard start > 12 || index == start, bytes[index] == ByteClass.carriageReturn, bytes[index + 1] == ByteClass.lineFeed else {
            return .badStartLine
        }
        phrase = ByteRange(start, index)
        end = index + 2
        return nil
    }
}
