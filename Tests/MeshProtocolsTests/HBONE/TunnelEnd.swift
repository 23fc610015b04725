import MeshProtocols
import MeshTypes

/// One side of an in-memory connection: a session and everything that it told its owner.
final class TunnelEnd {
    enum Event: Equatable {
        case request(UInt64, ConnectRequest)
        case rejected(Int, DenialReason)
        case response(UInt64, Int, DenialReason)
        case data(UInt64, Int)
        case end(UInt64)
        case reset(UInt64, HBONEErrorCode)
        case closed(UInt64)
        case goAway(Int32, HBONEErrorCode)
        case ping
    }

    /// What a stream has to send.
    struct Outgoing {
        var bytes: [UInt8] = []
        var ends = false
        var aborts: HBONEErrorCode?
    }

    private(set) var session: HBONESession!
    var events: [Event] = []
    var received: [UInt64: [UInt8]] = [:]
    var outgoing: [UInt64: Outgoing] = [:]
    var streams: [UInt64: StreamID] = [:]
    /// Bytes that came on a stream are given back at once, unless the stream is listed here.
    var stalled: Set<UInt64> = []
    /// What a server does with a request.
    var answer: (TunnelEnd, StreamID, ConnectRequest) -> UInt64 = { end, stream, _ in end.take(stream) }
    private var nextToken: UInt64 = 1

    init(_ role: HBONESession.Role, limits: HBONELimits = HBONELimits()) {
        session = HBONESession(
            role: role, limits: limits, owner: Unmanaged.passUnretained(self).toOpaque(), handlers: Recorder.self, now: 0)
    }

    func newToken() -> UInt64 {
        defer { nextToken += 1 }
        return nextToken
    }

    /// Accepts a stream.
    func take(_ stream: StreamID) -> UInt64 {
        let token = newToken()
        streams[token] = stream
        session.accept(stream)
        return token
    }

    func open(_ request: ConnectRequest) -> UInt64? {
        let token = newToken()
        guard let stream = session.openStream(request, token: token) else { return nil }
        streams[token] = stream
        return token
    }

    func send(_ bytes: [UInt8], on token: UInt64, end: Bool = false) {
        outgoing[token, default: Outgoing()].bytes += bytes
        if end { outgoing[token, default: Outgoing()].ends = true }
        session.readyToSend(streams[token]!)
    }

    func abortAfterData(_ token: UInt64, _ code: HBONEErrorCode) {
        outgoing[token, default: Outgoing()].aborts = code
        session.readyToSend(streams[token]!)
    }

    /// Everything that the session wants to send now.
    func output() -> [UInt8] {
        var bytes: [UInt8] = []
        while let frame = session.nextOutput() { bytes += frame }
        return bytes
    }

    @discardableResult
    func receive(_ bytes: [UInt8], now: UInt64 = 0) -> HBONEFailure? {
        bytes.withUnsafeBytes { session.receive($0, now: now) }
    }

    fileprivate func pull(_ token: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> PullResult {
        guard var queue = outgoing[token] else { return .later }
        let count = min(queue.bytes.count, buffer.count)
        buffer.copyBytes(from: queue.bytes[..<count])
        queue.bytes.removeFirst(count)
        outgoing[token] = queue
        if queue.bytes.isEmpty, queue.ends { return .last(count) }
        if count > 0 { return .bytes(count) }
        return queue.aborts.map { .reset($0) } ?? .later
    }
}

/// Turns handler calls into events.
private enum Recorder: HBONEHandlers {
    static func end(_ owner: Owner) -> TunnelEnd { Unmanaged<TunnelEnd>.fromOpaque(owner).takeUnretainedValue() }

    static func request(_ owner: Owner, stream: StreamID, _ request: borrowing ConnectRequest) -> UInt64 {
        let end = end(owner)
        let token = end.answer(end, stream, copy request)
        end.events.append(.request(token, copy request))
        return token
    }
    static func rejected(_ owner: Owner, status: Int, reason: DenialReason) {
        end(owner).events.append(.rejected(status, reason))
    }
    static func response(_ owner: Owner, token: UInt64, status: Int, reason: DenialReason) {
        end(owner).events.append(.response(token, status, reason))
    }
    static func data(_ owner: Owner, token: UInt64, _ bytes: UnsafeRawBufferPointer) {
        let end = end(owner)
        end.received[token, default: []] += bytes
        if case .data(token, let count) = end.events.last {
            end.events[end.events.count - 1] = .data(token, count + bytes.count)
        } else {
            end.events.append(.data(token, bytes.count))
        }
        end.session.consumedConnection(bytes.count)
        if !end.stalled.contains(token) { end.streams[token].map { end.session.consumed($0, bytes.count) } }
    }
    static func end(_ owner: Owner, token: UInt64) { end(owner).events.append(.end(token)) }
    static func reset(_ owner: Owner, token: UInt64, _ code: HBONEErrorCode) { end(owner).events.append(.reset(token, code)) }
    static func closed(_ owner: Owner, token: UInt64) { end(owner).events.append(.closed(token)) }
    static func pull(_ owner: Owner, token: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> PullResult {
        end(owner).pull(token, into: buffer)
    }
    static func goAway(_ owner: Owner, lastStream: StreamID, _ code: HBONEErrorCode) {
        end(owner).events.append(.goAway(lastStream.rawValue, code))
    }
    static func pingAcknowledged(_ owner: Owner) { end(owner).events.append(.ping) }
}

/// A client and a server, joined.
struct TunnelPair {
    let client: TunnelEnd
    let server: TunnelEnd

    init(client: HBONELimits = HBONELimits(), server: HBONELimits = HBONELimits()) {
        self.client = TunnelEnd(.client, limits: client)
        self.server = TunnelEnd(.server, limits: server)
    }

    /// Carries bytes until neither side has any left.
    func settle(now: UInt64 = 0) {
        while true {
            let up = client.output()
            if !up.isEmpty { server.receive(up, now: now) }
            let down = server.output()
            if !down.isEmpty { client.receive(down, now: now) }
            if up.isEmpty, down.isEmpty { return }
        }
    }

    /// A tunnel that was accepted, with the events up to there forgotten.
    func openedTunnel() -> (client: UInt64, server: UInt64) {
        let token = client.open(Samples.request)!
        settle()
        guard case .request(let accepted, _) = server.events.last, accepted != 0 else { fatalError("no request came") }
        client.events = []
        server.events = []
        return (token, accepted)
    }
}

enum Samples {
    static let wallet = ServiceIdentity(namespace: "default", name: ServiceName("wallet")!)
    static let request = ConnectRequest(
        authority: SocketAddress("10.88.10.2:8081")!, source: wallet, forwardedFor: SocketAddress("[fd88::7]:41234"),
        forwardedBy: SocketAddress("10.88.1.1:15008"),
        traceParent: TraceParent(
            traceHigh: 0x4bf9_2f35_77b3_4da6, traceLow: 0xa3ce_929d_0e0e_4736, span: 0xf0_67aa_0ba9_02b7, flags: 1))

    static func bytes(_ count: Int, seed: UInt8 = 0) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) &+ seed }
    }
}

/// SplitMix64: the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}
