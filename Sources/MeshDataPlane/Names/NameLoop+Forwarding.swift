internal import Glibc
internal import MeshProtocols
internal import MeshSystem
internal import MeshTypes

/// Answering, and asking on.
extension NameLoop {
    /// Handles one query. - Parameter client: makes the way back, given how many octets a UDP answer may have.
    func answer(_ bytes: [UInt8], asker: NameAsker, client: (Int) -> NameClient) {
        guard let query = try? DNSMessage(bytes) else {
            tally.add(\.malformed)
            if let reply = NameAnswer.formatError(to: bytes) { deliver(reply, to: client(DNSMessage.plainPayload)) }
            return
        }
        guard !query.header.isResponse else { return tally.add(\.malformed) }
        let client = client(NameAnswer.payloadLimit(of: query))
        guard query.header.opcode == 0 else {
            return deliver(NameAnswer.failure(.notImplemented, to: query), to: client)
        }
        guard query.options?.version ?? 0 == 0 else { return deliver(NameAnswer.badVersion(to: query), to: client) }
        // Before the first snapshot nobody can say which names are the mesh's: none leaves the node.
        guard let table else {
            tally.add(\.failed)
            return deliver(NameAnswer.failure(.serverFailure, to: query), to: client)
        }
        if query.question.kind == dnsClassInternet {
            let resolution = table.resolve(query.question.name, asker: asker.service, server: asker.server.ip)
            if let reply = NameAnswer.make(to: query, resolution, zone: table.zone, timeToLive: options.timeToLive) {
                tally.add(\.answered)
                if resolution == .noSuchName { tally.add(\.noSuchName) }
                return deliver(reply, to: client)
            }
        }
        forward(query, bytes, asker: asker, client: client)
    }

    private func forward(_ query: DNSMessage, _ bytes: [UInt8], asker: NameAsker, client: NameClient) {
        guard admits(asker.workload) else {
            tally.add(\.failed)
            return deliver(NameAnswer.failure(.serverFailure, to: query), to: client)
        }
        let forwarded = ForwardedQuery(
            query: query, bytes: bytes, client: client, workload: asker.workload, id: .random(in: 0...UInt16.max),
            servers: options.upstreams.isEmpty ? [asker.server] : options.upstreams, deadline: now + options.timeout)
        enter(forwarded)
        tally.add(\.forwarded)
        attempt(forwarded)
    }

    /// Asks the next server, from a new port; gives up when there is no server that takes it.
    private func attempt(_ query: ForwardedQuery) {
        drop(query)
        for _ in query.servers {
            let server = query.servers[query.attempts % query.servers.count]
            query.attempts += 1
            query.nextAttempt = now + options.retransmission
            guard let descriptor = try? DatagramSocket.connect(to: server),
                let socket = adopt(descriptor, .readable, { _ in .upstream(query) })
            else { continue }
            query.transport = .datagram(socket)
            if send(socket.descriptor.raw, query.wire, query.wire.count, Int32(MSG_NOSIGNAL)) == query.wire.count { return }
            drop(query)
        }
        fail(query)
    }

    /// The socket that the query uses, if any, is closed.
    private func drop(_ query: ForwardedQuery) {
        switch query.transport {
        case .datagram(let socket), .connecting(let socket), .stream(let socket): forget(socket.token)
        case nil: break
        }
        query.transport = nil
        query.incoming = DNSStream()
    }

    private func finish(_ query: ForwardedQuery, _ reply: [UInt8]) {
        drop(query)
        leave(query)
        deliver(reply, to: query.client, query: query.query)
    }

    private func fail(_ query: ForwardedQuery) {
        tally.add(\.failed)
        finish(query, NameAnswer.failure(.serverFailure, to: query.query).encoded())
    }

    func checkTime(of query: ForwardedQuery) {
        if now >= query.deadline {
            fail(query)
        } else if case .datagram = query.transport, now >= query.nextAttempt {
            attempt(query)
        }
    }

    // MARK: What upstreams say

    func upstreamReady(_ query: ForwardedQuery, _ ready: Poller.Interest) {
        switch query.transport {
        case .datagram(let socket): receiveDatagrams(query, socket)
        case .connecting(let socket): finishConnecting(query, socket, ready)
        case .stream(let socket): receiveStream(query, socket)
        case nil: break
        }
    }

    private func receiveDatagrams(_ query: ForwardedQuery, _ socket: NameSocket) {
        for _ in 0..<Self.burst {
            let count = recv(socket.descriptor.raw, scratch.baseAddress, scratch.count, 0)
            if count < 0 {
                // ECONNREFUSED and the like: the next server, if there is one that was not asked yet.
                if errno == EAGAIN || errno == EINTR { return }
                return query.attempts < query.servers.count ? attempt(query) : fail(query)
            }
            let bytes = Array(scratch[..<count])
            guard let header = query.isAnswered(by: bytes) else {
                tally.add(\.unsolicited)
                continue
            }
            if header.isTruncated, case .stream = query.client { return connect(query) }
            return finish(query, query.restored(bytes))
        }
    }

    private func connect(_ query: ForwardedQuery) {
        let server = query.servers[(query.attempts - 1) % query.servers.count]
        drop(query)
        let family = server.ip.isV4 ? AF_INET : AF_INET6
        let raw = socket(family, Int32(SOCK_STREAM.rawValue) | SOCK_NONBLOCK_FLAG | SOCK_CLOEXEC_FLAG, 0)
        guard raw >= 0 else { return fail(query) }
        let descriptor = FileDescriptor(owning: raw)
        let result = KernelAddress(server).withPointer { Glibc.connect(raw, $0, $1) }
        guard result == 0 || errno == EINPROGRESS, let socket = adopt(descriptor, .writable, { _ in .upstream(query) }) else {
            return fail(query)
        }
        query.transport = .connecting(socket)
    }

    private func finishConnecting(_ query: ForwardedQuery, _ socket: NameSocket, _ ready: Poller.Interest) {
        let framed = DNSStream.framed(query.wire)
        // A query fits any send buffer that was just made.
        guard ready.isDisjoint(with: [.error, .hangUp]),
            send(socket.descriptor.raw, framed, framed.count, Int32(MSG_NOSIGNAL)) == framed.count
        else { return fail(query) }
        query.transport = .stream(socket)
        setInterest(socket, .readable)
    }

    private func receiveStream(_ query: ForwardedQuery, _ socket: NameSocket) {
        let count = recv(socket.descriptor.raw, scratch.baseAddress, scratch.count, 0)
        guard count > 0 else {
            return count < 0 && (errno == EAGAIN || errno == EINTR) ? () : fail(query)
        }
        query.incoming.append(UnsafeRawBufferPointer(rebasing: scratch[..<count]))
        guard let bytes = query.incoming.next() else { return }
        guard query.isAnswered(by: bytes) != nil else {
            tally.add(\.unsolicited)
            return fail(query)
        }
        finish(query, query.restored(bytes))
    }

    // MARK: The way back

    private func deliver(_ message: DNSMessage, to client: NameClient) {
        switch client {
        case .datagram(let datagram): deliver(message.encoded(limit: datagram.limit), to: client)
        case .stream: deliver(message.encoded(), to: client)
        }
    }

    /// - Parameter query: what it answers, to say "truncated" of an answer that is longer than the client takes.
    private func deliver(_ bytes: [UInt8], to client: NameClient, query: DNSMessage? = nil) {
        switch client {
        case .datagram(let datagram):
            var bytes = bytes
            if bytes.count > datagram.limit, let query {
                var cut = NameAnswer.failure(.noError, to: query)
                cut.header.isTruncated = true
                bytes = cut.encoded()
            }
            DatagramSocket.send(datagram.listener.socket.raw, bytes, to: datagram.peer, from: datagram.local)
        case .stream(let connection):
            connection.send(bytes)
            if query != nil { process(connection) }
        }
    }
}
