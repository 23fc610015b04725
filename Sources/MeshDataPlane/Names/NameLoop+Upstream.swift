internal import Glibc
internal import MeshProtocols
internal import MeshSystem
internal import MeshTypes

/// Asking upstreams, over UDP and over TCP.
extension NameLoop {
    /// Asks the next server that can be asked; ends the query when there is none and nothing is under way.
    func attempt(_ query: ForwardedQuery) {
        while query.canAskMore {
            let server = query.next
            query.asked += 1
            if ask(query, server) { return }
        }
        if query.attempts.isEmpty { fail(query) }
    }

    /// One question over UDP, from a new port. - Returns: whether it went out.
    @discardableResult
    private func ask(_ query: ForwardedQuery, _ server: SocketAddress) -> Bool {
        upstreams.asked(server)
        let question = UpstreamQuestion(
            query.key.question, id: .random(in: 0...UInt16.max),
            spelling: upstreams.keepsSpelling(server, now: now) ? .random(in: 0...UInt64.max) : nil,
            usesEDNS: upstreams.takesEDNS(server, now: now), wishes: query.key.wishes)
        let attempt = UpstreamAttempt(query, server: server, question: question, begun: now)
        query.nextAttempt = now + upstreams.patience(server, atMost: options.retransmission)
        let descriptor: FileDescriptor
        do {
            descriptor = try DatagramSocket.connect(to: server)
        } catch {
            // Not the server's fault if we have no descriptor left.
            if ![EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error.code) { upstreams.failed(server, .unreachable, now: now) }
            return false
        }
        guard let socket = adopt(descriptor, .readable, { _ in .upstream(attempt) }) else { return false }
        attempt.transport = .datagram(socket)
        guard send(socket.descriptor.raw, question.wire, question.wire.count, Int32(MSG_NOSIGNAL)) == question.wire.count else {
            forget(socket.token)
            upstreams.failed(server, .unreachable, now: now)
            return false
        }
        query.attempts.append(attempt)
        return true
    }

    /// Closes its socket; the query goes on.
    func close(_ attempt: UpstreamAttempt) {
        if let transport = attempt.transport { forget(transport.socket.token) }
        attempt.transport = nil
    }

    private func drop(_ attempt: UpstreamAttempt) {
        close(attempt)
        attempt.query.attempts.removeAll { $0 === attempt }
    }

    /// This server will not answer: the next one, if one was not asked yet.
    private func giveUp(_ attempt: UpstreamAttempt, _ failure: UpstreamFailure) {
        let query = attempt.query
        upstreams.failed(attempt.server, failure, now: now)
        drop(attempt)
        if query.hasUnaskedServer { return self.attempt(query) }
        if query.attempts.isEmpty { fail(query) }
    }

    // MARK: What upstreams say

    func upstreamReady(_ attempt: UpstreamAttempt, _ ready: Poller.Interest) {
        switch attempt.transport {
        case .datagram(let socket): receiveDatagrams(attempt, socket)
        case .connecting(let socket): finishConnecting(attempt, socket, ready)
        case .stream(let socket): receiveStream(attempt, socket)
        case nil: break
        }
    }

    private func receiveDatagrams(_ attempt: UpstreamAttempt, _ socket: NameSocket) {
        for _ in 0..<Self.burst {
            let count = recv(socket.descriptor.raw, scratch.baseAddress, scratch.count, 0)
            if count < 0 {
                // ECONNREFUSED and the like.
                if errno == EAGAIN || errno == EINTR { return }
                return giveUp(attempt, .unreachable)
            }
            let bytes = Array(scratch[..<count])
            switch attempt.question.verdict(on: bytes) {
            case .foreign:
                tally.addUnsolicited()
                attempt.mismatches += 1
                guard attempt.mismatches >= UpstreamAttempt.maximumMismatches else { continue }
                upstreams.failed(attempt.server, .mismatch, now: now)
                return connect(attempt, because: .respelled)
            case .respelled:
                tally.addUnsolicited()
                return connect(attempt, because: .respelled)
            case .truncated:
                attempt.query.wasTruncated = true
                upstreams.answered(attempt.server, after: now - attempt.begun, now: now)
                return connect(attempt, because: .truncated)
            case let verdict: return take(verdict, attempt)
            }
        }
    }

    /// What is the same over UDP and TCP.
    private func take(_ verdict: UpstreamQuestion.Verdict, _ attempt: UpstreamAttempt) {
        let query = attempt.query
        upstreams.answered(attempt.server, after: now - attempt.begun, now: now)
        // It lives: that is all that was asked.
        if query.isProbe { return end(query) { _ in } }
        switch verdict {
        case .answer(let message): succeed(query, message)
        case .wantsNoEDNS:
            upstreams.speaksPlainly(attempt.server, now: now)
            let server = attempt.server
            drop(attempt)
            if !ask(query, server), query.attempts.isEmpty { fail(query) }
        case .refused: giveUp(attempt, .refusal)
        case .unreadable, .truncated, .respelled, .foreign: giveUp(attempt, .mismatch)
        }
    }

    // MARK: TCP

    private func connect(_ attempt: UpstreamAttempt, because reason: UpstreamAttempt.Reason) {
        close(attempt)
        attempt.reason = reason
        attempt.query.nextAttempt = now + options.retransmission
        let family = attempt.server.ip.isV4 ? AF_INET : AF_INET6
        let raw = socket(family, Int32(SOCK_STREAM.rawValue) | SOCK_NONBLOCK_FLAG | SOCK_CLOEXEC_FLAG, 0)
        guard raw >= 0 else { return failStream(attempt) }
        let descriptor = FileDescriptor(owning: raw)
        let result = KernelAddress(attempt.server).withPointer { Glibc.connect(raw, $0, $1) }
        guard result == 0 || errno == EINPROGRESS, let socket = adopt(descriptor, .writable, { _ in .upstream(attempt) }) else {
            return failStream(attempt)
        }
        attempt.transport = .connecting(socket)
    }

    private func finishConnecting(_ attempt: UpstreamAttempt, _ socket: NameSocket, _ ready: Poller.Interest) {
        let framed = DNSStream.framed(attempt.question.wire)
        // A query fits any send buffer that was just made.
        guard ready.isDisjoint(with: [.error, .hangUp]),
            send(socket.descriptor.raw, framed, framed.count, Int32(MSG_NOSIGNAL)) == framed.count
        else { return failStream(attempt) }
        attempt.transport = .stream(socket)
        setInterest(socket, .readable)
    }

    private func receiveStream(_ attempt: UpstreamAttempt, _ socket: NameSocket) {
        let count = recv(socket.descriptor.raw, scratch.baseAddress, scratch.count, 0)
        guard count > 0 else {
            return count < 0 && (errno == EAGAIN || errno == EINTR) ? () : failStream(attempt)
        }
        attempt.incoming.append(UnsafeRawBufferPointer(rebasing: scratch[..<count]))
        guard let bytes = attempt.incoming.next() else { return }
        if case .respelled = attempt.question.verdict(on: bytes) { upstreams.respells(attempt.server, now: now) }
        let verdict = attempt.question.verdict(on: bytes, takesAnySpelling: true)
        if case .foreign = verdict { tally.addUnsolicited() }
        take(verdict, attempt)
    }

    /// Not over TCP then. A server that spells names in its own way and knows no TCP is asked once more, and taken at its word.
    private func failStream(_ attempt: UpstreamAttempt) {
        let (query, server) = (attempt.query, attempt.server)
        guard attempt.reason == .respelled, upstreams.keepsSpelling(server, now: now) else { return giveUp(attempt, .stream) }
        upstreams.respells(server, now: now)
        drop(attempt)
        if !ask(query, server), query.attempts.isEmpty { fail(query) }
    }
}
