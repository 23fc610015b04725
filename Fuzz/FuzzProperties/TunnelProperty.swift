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
    private let isServer: Bool
    /// Answers at once with a refusal, later, or not at all.
    private let manner: UInt8
    private(set) var session: HBONESession!
    private var lives = StreamLives()
    private var streams: [UInt64: StreamID] = [:]
    private var sent = 0

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
        let token = lives.begin()
        if let stream = session.openStream(Self.request, token: token) { streams[token] = stream }
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
        // A request of a few bytes is answered with some dozens; SETTINGS and PING with as much as they have.
        if sent > 4096 + 64 * inputBytes { return "\(sent) bytes were sent for \(inputBytes)" }
        return nil
    }

    // MARK: Events

    fileprivate func requested(_ stream: StreamID) -> UInt64 {
        if lives.connectionFailed { lives.note("a request after the connection's failure") }
        switch manner {
        case 1:
            session.refuse(stream, status: 401, reason: .denied)
            return 0
        case 2:
            session.reset(stream, .cancel)
            return 0
        default:
            let token = lives.begin()
            streams[token] = stream
            if manner != 3 { session.accept(stream) }
            return token
        }
    }

    fileprivate func answered(_ token: UInt64, status: Int) {
        lives.heard(token, "an answer")
        if status < 200 || status > 999 { lives.note("an answer with status \(status)") }
        if status != 200 { lives.end(token) }
    }

    fileprivate func took(_ token: UInt64, _ bytes: UnsafeRawBufferPointer) {
        lives.gotData(token)
        session.consumedConnection(bytes.count)
        if manner != 4, let stream = streams[token] { session.consumed(stream, bytes.count) }
    }

    fileprivate func ended(_ token: UInt64) {
        lives.gotEnd(token)
        if manner == 5, let stream = streams[token] {
            session.reset(stream, .noError)
            lives.end(token)
        }
    }

    fileprivate func heard(_ token: UInt64, _ what: String) { lives.heard(token, what) }

    fileprivate func closed(_ token: UInt64) {
        lives.heard(token, "a closing")
        lives.end(token)
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
