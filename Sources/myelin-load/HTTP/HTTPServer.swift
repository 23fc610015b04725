import Glibc
import MeshSystem
import MeshTypes

/// A service that speaks HTTP/1.1, tells who it is and what it saw, and counts. One thread; a request that takes its time holds up no
/// other connection.
struct HTTPServer: ~Copyable {
    private let identity: ServerIdentity
    private var behaviour: ServerBehaviour
    private var counts: RequestCounts
    private let listener: FileDescriptor
    private let poller: Poller
    private let events = PollEvents(capacity: eventsPerWait)
    private let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: scratchBytes, alignment: 64)
    private var connections: [Int32: ServedConnection] = [:]
    private var due = DueAnswers()
    private var accepted: UInt64 = 0

    private static let eventsPerWait = 512
    private static let scratchBytes = 64 << 10
    private static let listenerToken = UInt64.max

    init(_ identity: ServerIdentity, _ behaviour: ServerBehaviour, countFile: String?, on address: SocketAddress) throws(LoadFailure) {
        self.identity = identity
        self.behaviour = behaviour
        let counts = try RequestCounts(file: countFile)
        let listener = try required { () throws(SystemError) in try TCPSocket.listen(on: address, isDual: true) }
        let poller = try required { () throws(SystemError) in try Poller() }
        let raw = listener.raw
        try required { () throws(SystemError) in try poller.add(raw, .readable, token: Self.listenerToken) }
        self.counts = counts
        self.listener = listener
        self.poller = poller
    }

    deinit { scratch.deallocate() }

    /// Never returns.
    mutating func serve() {
        while true {
            let before = monotonicNanoseconds()
            let timeout = due.next.map { $0 > before ? Int64($0 - before) : 0 } ?? -1
            let count = poller.wait(events, nanoseconds: timeout)
            for index in 0..<count {
                let token = events[index].token
                if token == Self.listenerToken { acceptAll() } else { advance(Int32(truncatingIfNeeded: token)) }
            }
            let now = monotonicNanoseconds()
            while let entry = due.take(now: now) {
                guard connections[entry.socket]?.number == entry.number else { continue }
                connections[entry.socket]?.isWaiting = false
                answer(entry.socket)
                process(entry.socket)
            }
        }
    }

    private mutating func acceptAll() {
        while true {
            let socket = TCPSocket.accept(listener.raw)
            if socket < 0 {
                // Without a descriptor the connection stays in the backlog: level-triggered readiness would spin.
                if errno == EMFILE || errno == ENFILE { usleep(1000) }
                if errno == EINTR || errno == ECONNABORTED { continue }
                return
            }
            TCPSocket.disableDelay(socket)
            accepted += 1
            let peer = TCPSocket.peerAddress(socket).map { "\($0.ip)" } ?? "unknown"
            connections[socket] = ServedConnection(peer: peer, number: accepted)
            do throws(SystemError) {
                try poller.add(socket, [.readable, .writable, .peerHalfClosed, .edgeTriggered], token: UInt64(socket))
            } catch {
                end(socket)
            }
        }
    }

    /// Writes what waits, and reads what has come.
    private mutating func advance(_ socket: Int32) {
        guard flush(socket), let connection = connections[socket] else { return }
        if connection.closesAfterAnswer, connection.head == nil { return end(socket) }
        while true {
            let count = recv(socket, scratch.baseAddress, scratch.count, 0)
            if count > 0 {
                connections[socket]?.reader.append(UnsafeRawBufferPointer(rebasing: scratch[..<count]))
            } else if count < 0, errno == EAGAIN {
                break
            } else if count < 0, errno != EINTR {
                return end(socket)
            } else if count == 0 {
                connections[socket]?.hasEnded = true
                break
            }
        }
        process(socket)
    }

    /// Takes the requests that are whole, one after the other.
    private mutating func process(_ socket: Int32) {
        while let connection = connections[socket], !connection.isWaiting, connection.unsent.isEmpty {
            do throws(LoadFailure) {
                guard try takeRequest(socket) else {
                    if connection.hasEnded { end(socket) }
                    return
                }
            } catch {
                complain("\(connection.peer): \(error)")
                return end(socket)
            }
            let isCounted = connections[socket].map { !Self.isOwn($0.path) } ?? false
            if isCounted, behaviour.delay.nanoseconds > 0 {
                connections[socket]?.isWaiting = true
                let at = monotonicNanoseconds() + behaviour.delay.nanoseconds
                due.add(DueAnswers.Entry(due: at, socket: socket, number: connections[socket]?.number ?? 0))
            } else {
                answer(socket)
            }
        }
    }

    /// - Returns: false while no request is whole.
    private mutating func takeRequest(_ socket: Int32) throws(LoadFailure) -> Bool {
        guard var connection = connections[socket] else { return false }
        defer { if connections[socket] != nil { connections[socket] = connection } }
        if connection.head == nil {
            connection.head = try connection.reader.head()
            guard let head = connection.head else { return false }
            if !Self.isOwn(connection.path) {
                let isShadow = head["x-myelin-shadow"] == "1"
                counts.arrived(connection.method, String(connection.path), id: head["x-payment-id"], isShadow: isShadow)
            }
        }
        guard let head = connection.head, let body = try connection.reader.body(head.framing(isAnswer: false)) else { return false }
        connection.received = body.count
        connection.closesAfterAnswer = !head.keepsAlive
        return true
    }

    /// Paths that steer or watch the server: they are answered at once and not counted.
    private static func isOwn(_ path: Substring) -> Bool { path == "/stats" || path == "/control" || path.hasPrefix("/health/") }

    private mutating func answer(_ socket: Int32) {
        guard let connection = connections[socket] else { return }
        var answer = self.answer(to: connection)
        answer.fields += [("x-instance", identity.name), ("x-version", identity.version)]
        let bytes = answer.bytes(closes: connection.closesAfterAnswer, hasBody: connection.method != "HEAD")
        connections[socket]?.unsent += bytes
        connections[socket]?.head = nil
        if !Self.isOwn(connection.path) { counts.ended() }
        guard flush(socket), connection.closesAfterAnswer else { return }
        end(socket)
    }

    private mutating func answer(to connection: ServedConnection) -> ServerAnswer {
        switch connection.path {
        case "/stats": return .json(ServerAnswer.Statistics(instance: identity.name, counts))
        case "/control":
            if let wrong = behaviour.apply(query: connection.query) { return .text(wrong + "\n", status: 400) }
            return .text(behaviour.text)
        case "/health/live": return .text("alive\n")
        case "/health/ready": return behaviour.isReady ? .text("ready\n") : .text("not ready\n", status: 503)
        default: break
        }
        let greeting = ServerAnswer.Greeting(
            service: identity.service, instance: identity.name, version: identity.version, remote: connection.peer,
            method: connection.method, path: String(connection.path), received: connection.received, marker: identity.marker)
        guard behaviour.fails() else { return .json(greeting) }
        counts.failedOnPurpose()
        return .json(greeting, status: behaviour.status)
    }

    /// - Returns: false when something is left, or the connection is gone.
    private mutating func flush(_ socket: Int32) -> Bool {
        while let bytes = connections[socket]?.unsent, !bytes.isEmpty {
            let sent = bytes.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if sent > 0 {
                connections[socket]?.unsent.removeFirst(sent)
            } else if errno == EAGAIN {
                return false
            } else if errno != EINTR {
                end(socket)
                return false
            }
        }
        return connections[socket] != nil
    }

    private mutating func end(_ socket: Int32) {
        if let connection = connections.removeValue(forKey: socket), connection.head != nil, !Self.isOwn(connection.path) { counts.ended() }
        close(socket)
    }
}

/// Who the server says it is.
struct ServerIdentity: Sendable {
    let service: String
    let name: String
    let version: String
    let marker: String?
}
