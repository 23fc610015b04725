internal import MeshProtocols
internal import MeshTypes

/// A workload's HTTP/2, at either end, survives any bytes; and whatever head comes out of it is one of HTTP/1 that has no flaw of syntax: no
/// field can be made of another's value, no request of another's body.
///
/// The first byte says which end it is and how its owner behaves; the rest is what the peer sends. A server's input begins with the preface.
enum HTTP2Property {
    static func complaint(_ bytes: UnsafeRawBufferPointer) -> String? {
        guard let options = bytes.first else { return nil }
        let end = FuzzedMessages(options)
        let input = bytes.slice(1..<bytes.count)
        var now: UInt64 = 0
        for piece in Cuts(input, longest: options & 4 == 0 ? max(1, input.count) : 60) {
            now += options & 8 == 0 ? 0 : 50_000_000
            if !end.receive(input.slice(piece), now: now) { break }
        }
        return end.complaint(inputBytes: input.count)
    }
}

/// The owner of a session of requests.
private final class FuzzedMessages {
    private let isServer: Bool
    /// What it does with a request, or how it asks.
    private let manner: UInt8
    private(set) var session: HTTP2Session!
    private var lives = StreamLives()
    private var streams: [UInt64: StreamID] = [:]
    private var answered: Set<UInt64> = []
    private var sent = 0
    private var fields = FieldTable()

    init(_ options: UInt8) {
        isServer = options & 1 == 0
        manner = options >> 4
        session = HTTP2Session(
            role: isServer ? .server : .client, owner: Unmanaged.passUnretained(self).toOpaque(), handlers: Events.self, now: 0)
        if !isServer {
            for number in 0..<3 { ask(hasBody: number == 1) }
        }
        flush()
    }

    private func with<Result>(_ text: StaticString, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        body(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private func ask(hasBody: Bool) {
        let token = lives.begin()
        let stream = with("POST /a?b=c HTTP/1.1\r\nhost: wallet\r\nx-a: 1\r\n\r\n") {
            session.request($0, token: token, hasBody: hasBody)
        }
        if let stream { streams[token] = stream }
    }

    /// - Returns: false when the connection is over.
    func receive(_ bytes: UnsafeRawBufferPointer, now: UInt64) -> Bool {
        let failure = session.receive(bytes, now: now) ?? session.tick(now: now)
        lives.connectionFailed = failure != nil
        if manner == 7, failure == nil { session.goAway() }
        if manner == 6, failure == nil { session.ping() }
        flush()
        return failure == nil && !session.isFinished
    }

    private func flush() {
        while let frame = session.nextOutput() { sent += frame.count }
    }

    func complaint(inputBytes: Int) -> String? {
        if let problem = lives.problem { return problem }
        if session.openStreams < 0 { return "\(session.openStreams) streams" }
        if sent > 4096 + 64 * inputBytes { return "\(sent) bytes were sent for \(inputBytes)" }
        return nil
    }

    // MARK: Heads

    /// What a head of HTTP/1 must not be refused for: its bytes. What it says may still be refused.
    private func isSyntax(_ refusal: HTTPRefusal) -> Bool {
        switch refusal {
        case .badStartLine, .bareLineFeed, .bareCarriageReturn, .badFieldName, .spaceBeforeColon, .foldedField, .badFieldValue, .badTarget,
            .badVersion, .badTransferCoding, .unknownTransferCoding, .lengthWithTransferCoding, .repeatedHost, .missingHost:
            true
        default: false
        }
    }

    private func check(request head: UnsafeRawBufferPointer) {
        var scanner = HeadScanner(.mesh)
        switch scanner.scan(head) {
        case .complete(let length): if length != head.count { lives.note("bytes behind a request's head") }
        case .incomplete: lives.note("half of a request's head")
        case .refused(let refusal): if isSyntax(refusal) { lives.note("a request's head: \(refusal)") } else { return }
        }
        if case .failure(let refusal) = RequestHead.parse(head, .mesh, into: &fields), isSyntax(refusal) {
            lives.note("a request's head: \(refusal)")
        }
    }

    private func check(answer head: UnsafeRawBufferPointer) {
        var scanner = HeadScanner(.mesh)
        guard scanner.scan(head) == .complete(head.count) else { return lives.note("no whole head of an answer") }
        if case .failure(let refusal) = ResponseHead.parse(head, answering: .get, into: &fields), isSyntax(refusal),
            // A Host says nothing in an answer; two are refused by who reads them, as over HTTP/1.
            refusal != .repeatedHost
        {
            lives.note("an answer's head: \(refusal)")
        }
    }

    // MARK: Events

    fileprivate func requested(_ stream: StreamID, _ head: UnsafeRawBufferPointer, ends: Bool) -> UInt64 {
        if lives.connectionFailed { lives.note("a request after the connection's failure") }
        check(request: head)
        switch manner {
        case 0:
            with("HTTP/1.1 204 No Content\r\n\r\n") { session.respond(stream, $0, hasBody: false) }
            return 0
        case 2:
            session.reset(stream, .cancel)
            return 0
        default:
            let token = lives.begin()
            streams[token] = stream
            if ends { lives.gotEnd(token) }
            if manner == 4 { with("HTTP/1.1 103 Early Hints\r\nx: y\r\n\r\n") { session.inform(stream, $0) } }
            if manner != 3 { with("HTTP/1.1 200 OK\r\nx-a: 1\r\n\r\n") { session.respond(stream, $0, hasBody: true) } }
            return token
        }
    }

    fileprivate func answered(_ token: UInt64, _ head: UnsafeRawBufferPointer, ends: Bool) {
        lives.heard(token, "an answer")
        check(answer: head)
        if answered.contains(token) { lives.note("a second answer") }
        if !head.starts(with: "HTTP/1.1 1".utf8) { answered.insert(token) }
        if ends { lives.gotEnd(token) }
    }

    fileprivate func took(_ token: UInt64, _ bytes: UnsafeRawBufferPointer) {
        lives.gotData(token)
        if !isServer, !answered.contains(token) { lives.note("data before the answer's head") }
        session.consumedConnection(bytes.count)
        if manner != 5, let stream = streams[token] { session.consumed(stream, bytes.count) }
    }

    fileprivate func trailed(_ token: UInt64, _ lines: UnsafeRawBufferPointer) {
        lives.heard(token, "trailers")
        // With a start line and a host before them they are a request's head.
        let whole = Array("GET / HTTP/1.1\r\nhost: a\r\n".utf8) + Array(lines)
        whole.withUnsafeBytes { check(request: $0) }
    }

    fileprivate func ended(_ token: UInt64) { lives.gotEnd(token) }
    fileprivate func heard(_ token: UInt64, _ what: String) { lives.heard(token, what) }

    fileprivate func closed(_ token: UInt64) {
        lives.heard(token, "a closing")
        lives.end(token)
    }

    /// Five bytes, and perhaps trailers.
    fileprivate func pull(_ token: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> HTTP2Pull {
        lives.heard(token, "a pull")
        guard manner == 4, let stream = streams[token] else { return token % 2 == 0 ? .later : .last(min(5, buffer.count)) }
        with("x-t: 1\r\n\r\n") { session.trailers(stream, $0) }
        return .lastBeforeTrailers(0)
    }

    private enum Events: HTTP2Handlers {
        private static func end(_ owner: Owner) -> FuzzedMessages { Unmanaged<FuzzedMessages>.fromOpaque(owner).takeUnretainedValue() }

        static func request(_ owner: Owner, stream: StreamID, _ head: UnsafeRawBufferPointer, ends: Bool) -> UInt64 {
            end(owner).requested(stream, head, ends: ends)
        }
        static func rejected(_ owner: Owner) {}
        static func response(_ owner: Owner, token: UInt64, _ head: UnsafeRawBufferPointer, ends: Bool) {
            end(owner).answered(token, head, ends: ends)
        }
        static func trailers(_ owner: Owner, token: UInt64, _ fields: UnsafeRawBufferPointer) { end(owner).trailed(token, fields) }
        static func pull(_ owner: Owner, token: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> HTTP2Pull {
            end(owner).pull(token, into: buffer)
        }
        static func data(_ owner: Owner, token: UInt64, _ bytes: UnsafeRawBufferPointer) { end(owner).took(token, bytes) }
        static func end(_ owner: Owner, token: UInt64) { end(owner).ended(token) }
        static func reset(_ owner: Owner, token: UInt64, _ code: HBONEErrorCode) { end(owner).heard(token, "a reset") }
        static func closed(_ owner: Owner, token: UInt64) { end(owner).closed(token) }
        static func goAway(_ owner: Owner, lastStream: StreamID, _ code: HBONEErrorCode) {}
        static func pingAcknowledged(_ owner: Owner) {}
    }
}
