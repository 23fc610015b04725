internal import MeshProtocols
internal import MeshTypes

/// A tunnel's end survives any bytes: each stream has one life, nobody is told anything after the connection has failed, and what is sent
/// stays in proportion to what came.
///
/// The first byte says which end it is and how its owner behaves; the rest is what the peer sends. A server's input begins with the preface.
enum TunnelProperty {
    static func complaint(_ bytes: UnsafeRawBufferPointer) -> String? {
        guard let options = bytes.first else { return nil }
        let end = FuzzedTunnel(options)
        let input = bytes.slice(1..<bytes.count)
        var now: UInt64 = 0
        for piece in Cuts(input, longest: options & 4 == 0 ? max(1, input.count) : 60) {
            now += options & 8 == 0 ? 0 : 50_000_000
            if !end.receive(input.slice(piece), now: now) { break }
        }
        return end.complaint(inputBytes: input.count)
    }
}

/// The owner of a session.
private final class FuzzedTunnel {
    private enum Life { case open, halfClosed, over }

    private let isServer: Bool
    /// Answers at once with a refusal, later, or not at all.
    private let manner: UInt8
    private(set) var session: HBONESession!
    private var lives: [UInt64: Life] = [:]
    private var streams: [UInt64: StreamID] = [:]
    private var nextToken: UInt64 = 1
    private var problem: String?
    private var sent = 0
    private var hasFailed = false

    init(_ options: UInt8) {
        isServer = options & 1 == 0
        manner = options >> 4
        session = HBONESession(
            role: isServer ? .server : .client, owner: Unmanaged.passUnretained(self).toOpaque(), handlers: Events.self, now: 0)
        if !isServer {
            for _ in 0..<3 { open() }
        }
        flush()
    }

    private static let request = ConnectRequest(
        authority: SocketAddress(ip: IPAddress(v4: 0x0a58_0102), port: 80),
        source: ServiceIdentity(namespace: "default", name: ServiceName("wallet")!))

    private func open() {
        let token = newToken()
        if let stream = session.openStream(Self.request, token: token) { streams[token] = stream } else { lives[token] = nil }
    }

    private func newToken() -> UInt64 {
        defer { nextToken += 1 }
        lives[nextToken] = .open
        return nextToken
    }

    /// - Returns: false when the connection is over.
    func receive(_ bytes: UnsafeRawBufferPointer, now: UInt64) -> Bool {
        let failure = session.receive(bytes, now: now) ?? session.tick(now: now)
        hasFailed = failure != nil
        if manner == 7, !hasFailed { session.goAway() }
        if manner == 6, !hasFailed { session.ping() }
        flush()
        return failure == nil && !session.isFinished
    }

    private func flush() {
        while let frame = session.nextOutput() { sent += frame.count }
    }

    func complaint(inputBytes: Int) -> String? {
        if let problem { return problem }
        if session.openStreams < 0 { return "\(session.openStreams) streams" }
        // A request of a few bytes is answered with some dozens; SETTINGS and PING with as much as they have.
        if sent > 4096 + 64 * inputBytes { return "\(sent) bytes were sent for \(inputBytes)" }
        return nil
    }

    // MARK: Events

    private func note(_ problem: String) { if self.problem == nil { self.problem = problem } }

    fileprivate func heard(_ token: UInt64, _ what: String) {
        if hasFailed { note("\(what) after the connection's failure") }
        switch lives[token] {
        case nil: note("\(what) of an unknown stream")
        case .over: note("\(what) of a stream that is over")
        case .open, .halfClosed: break
        }
    }

    fileprivate func requested(_ stream: StreamID) -> UInt64 {
        if hasFailed { note("a request after the connection's failure") }
        switch manner {
        case 1:
            session.refuse(stream, status: 401, reason: .denied)
            return 0
        case 2:
            session.reset(stream, .cancel)
            return 0
        default:
            let token = newToken()
            streams[token] = stream
            if manner != 3 { session.accept(stream) }
            return token
        }
    }

    fileprivate func answered(_ token: UInt64, status: Int) {
        heard(token, "an answer")
        if status < 200 || status > 999 { note("an answer with status \(status)") }
        if status != 200 { lives[token] = .over }
    }

    fileprivate func took(_ token: UInt64, _ bytes: UnsafeRawBufferPointer) {
        heard(token, "data")
        if lives[token] == .halfClosed { note("data after its end") }
        session.consumedConnection(bytes.count)
        if manner != 4, let stream = streams[token] { session.consumed(stream, bytes.count) }
    }

    fileprivate func ended(_ token: UInt64) {
        heard(token, "an end")
        if lives[token] == .halfClosed { note("two ends") }
        if lives[token] == .open { lives[token] = .halfClosed }
        if manner == 5, let stream = streams[token] {
            session.reset(stream, .noError)
            lives[token] = .over
        }
    }

    fileprivate func closed(_ token: UInt64) {
        heard(token, "a closing")
        lives[token] = .over
    }

    private enum Events: HBONEHandlers {
        private static func tunnel(_ owner: Owner) -> FuzzedTunnel { Unmanaged<FuzzedTunnel>.fromOpaque(owner).takeUnretainedValue() }

        static func request(_ owner: Owner, stream: StreamID, _ request: borrowing ConnectRequest) -> UInt64 {
            tunnel(owner).requested(stream)
        }
        static func rejected(_ owner: Owner, status: Int, reason: DenialReason) {}
        static func response(_ owner: Owner, token: UInt64, status: Int, reason: DenialReason) {
            tunnel(owner).answered(token, status: status)
        }
        static func data(_ owner: Owner, token: UInt64, _ bytes: UnsafeRawBufferPointer) { tunnel(owner).took(token, bytes) }
        static func end(_ owner: Owner, token: UInt64) { tunnel(owner).ended(token) }
        static func reset(_ owner: Owner, token: UInt64, _ code: HBONEErrorCode) { tunnel(owner).heard(token, "a reset") }
        static func closed(_ owner: Owner, token: UInt64) { tunnel(owner).closed(token) }
        /// Each stream is pulled once, and has nothing more to say.
        static func pull(_ owner: Owner, token: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> PullResult {
            tunnel(owner).heard(token, "a pull")
            return token % 2 == 0 ? .last(0) : .later
        }
        static func goAway(_ owner: Owner, lastStream: StreamID, _ code: HBONEErrorCode) {}
        static func pingAcknowledged(_ owner: Owner) {}
    }
}
