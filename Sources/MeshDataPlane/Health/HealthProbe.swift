internal import Glibc
internal import MeshBalancing
internal import MeshProtocols
internal import MeshSystem
internal import MeshTypes

/// One look at an endpoint over one connection, which does not block.
struct HealthProbe {
    enum Progress {
        case undecided
        case passed
        case failed(String)
        /// Nothing more will come of it: the socket can be closed.
        case over
    }

    private enum Stage {
        case connecting, asking
        /// It is decided. What else the endpoint has to say is read away, so that it sees no reset.
        case readingAway
        case over
    }

    /// Bytes that are read away.
    private static let maximumRest = 64 << 10

    let socket: Int32
    private let probe: HealthCheck.Probe
    /// As `host` says it.
    private let target: SocketAddress
    private var stage = Stage.connecting
    private var reader = StatusReader()
    private var rest = 0

    /// - Parameter socket: on which a connect to `target` goes on.
    init(_ probe: HealthCheck.Probe, on socket: Int32, to target: SocketAddress) {
        self.probe = probe
        self.socket = socket
        self.target = target
    }

    /// What is polled for.
    var interest: Poller.Interest { stage == .connecting ? .writable : .readable }

    /// The socket is ready. - Returns: `passed` and `failed` once.
    mutating func advance(_ buffer: UnsafeMutableRawBufferPointer) -> Progress {
        switch stage {
        case .connecting: connected()
        case .asking: readStatus(buffer)
        case .readingAway: readRest(buffer)
        case .over: .over
        }
    }

    private mutating func connected() -> Progress {
        let error = TCPSocket.takeError(socket)
        guard error == 0 else {
            stage = .over
            return .failed(Self.text(error))
        }
        guard case .http(let path, _) = probe else {
            stage = .over
            return .passed
        }
        stage = .asking
        let request = Array(
            "GET \(path) HTTP/1.1\r\nhost: \(target)\r\nuser-agent: myelin-health\r\naccept: */*\r\nconnection: close\r\n\r\n".utf8)
        // It fits into any socket's buffer that is empty.
        guard send(socket, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
            stage = .over
            return .failed("took no request")
        }
        return .undecided
    }

    private mutating func readStatus(_ buffer: UnsafeMutableRawBufferPointer) -> Progress {
        guard case .http(_, let statuses) = probe else { return .over }
        let count = recv(socket, buffer.baseAddress, buffer.count, 0)
        if count < 0, errno == EAGAIN || errno == EINTR { return .undecided }
        guard count > 0 else {
            stage = .over
            return .failed(count == 0 ? "closed the connection without an answer" : Self.text(errno))
        }
        switch reader.take(UnsafeRawBufferPointer(rebasing: buffer[..<count])) {
        case .incomplete: return .undecided
        case .refused:
            stage = .over
            return .failed("answered something that is not HTTP/1.1")
        case .status(let status):
            stage = .readingAway
            return statuses.contains(status) ? .passed : .failed("answered \(status)")
        }
    }

    private mutating func readRest(_ buffer: UnsafeMutableRawBufferPointer) -> Progress {
        let count = recv(socket, buffer.baseAddress, buffer.count, 0)
        if count < 0, errno == EAGAIN || errno == EINTR { return .undecided }
        guard count > 0 else { return .over }
        rest += count
        return rest > Self.maximumRest ? .over : .undecided
    }

    /// How far it had come when time ran out.
    func lateness(_ timeout: Duration) -> String {
        stage == .connecting ? "accepted no connection within \(timeout)" : "did not answer within \(timeout)"
    }

    /// The answer has begun: the rest is to be read away.
    var hasRest: Bool { stage == .readingAway }

    private static func text(_ code: Int32) -> String {
        code == ECONNREFUSED ? "refused the connection" : String(cString: strerror(code))
    }
}
