internal import Glibc
internal import MeshProtocols
internal import MeshSystem
internal import MeshTypes

/// Answering: from the mesh, from the cache, from upstreams.
extension NameLoop {
    /// Handles one query. - Parameter client: makes the way back, given how many octets a UDP answer may have.
    func answer(_ bytes: [UInt8], asker: NameAsker, client: (Int) -> NameClient) {
        guard let query = try? DNSMessage(bytes) else {
            tally.add(.malformed, of: asker.service)
            if let reply = NameAnswer.formatError(to: bytes) { deliver(reply, to: client(DNSMessage.plainPayload)) }
            return
        }
        guard !query.header.isResponse else { return tally.add(.malformed, of: asker.service) }
        let waiting = WaitingClient(query: query, client: client(NameAnswer.payloadLimit(of: query)), asker: asker)
        if let reply = refusal(of: query) { return finish(waiting, .refused, reply) }
        // Before the first snapshot nobody can say which names are the mesh's: none leaves the node.
        guard let table else { return finish(waiting, .failed, NameAnswer.failure(.serverFailure, to: query, .notReady)) }
        let resolution = table.resolve(query.question, asker: asker.service, server: asker.server.ip)
        guard let reply = NameAnswer.make(to: query, resolution, table: table, timeToLive: options.timeToLive) else {
            return forward(waiting, table.allowedNames(of: asker.service))
        }
        let outcome: NameOutcome =
            switch resolution {
            case .noSuchName: .noSuchName
            case .hidden: .hidden
            case .addresses, .location, .pointer, .emptyName, .notOurs: .answered
            }
        finish(waiting, outcome, reply)
    }

    /// What is not answered, wherever the name belongs.
    private func refusal(of query: DNSMessage) -> DNSMessage? {
        guard query.header.opcode == 0 else { return NameAnswer.failure(.notImplemented, to: query) }
        guard query.options?.version ?? 0 == 0 else { return NameAnswer.badVersion(to: query) }
        // Zones are not handed out, and names of other classes say nothing about the Internet's.
        let isTransfer = [.axfr, .ixfr].contains(query.question.type)
        guard !isTransfer, query.question.kind == dnsClassInternet else { return NameAnswer.failure(.refused, to: query, .notSupported) }
        return nil
    }

    /// Counts and reports a name that is not to be asked for, and answers so unless that is only counted.
    /// - Returns: whether the client was answered so.
    private func refuse(_ client: WaitingClient, _ refusal: NameRefusal) -> Bool {
        let asker = client.asker
        tally.add(refusal, of: asker.service)
        if let omitted = nameGuard.report(of: asker.workload, now: now) {
            report(
                NameRefusalReport(
                    workload: asker.workload, service: asker.service, question: client.query.question, refusal: refusal, omitted: omitted))
        }
        guard options.names.isEnforced else { return false }
        finish(client, .nameRefused, NameAnswer.refusal(refusal, of: client.query))
        return true
    }

    private func forward(_ client: WaitingClient, _ allowed: AllowedNames) {
        let query = client.query
        var bits = 0
        switch nameGuard.verdict(on: query.question, allowed) {
        case .permitted(let said): bits = said
        case .refused(let refusal): if refuse(client, refusal) { return }
        }
        let wantsSignatures = query.options?.wantsSignatures ?? false
        let key = NameKey(
            question: query.question,
            wishes: UpstreamQuestion.Wishes(
                wantsSignatures: wantsSignatures, checkingDisabled: query.header.checkingDisabled,
                asksVerification: options.trustsVerification && (wantsSignatures || query.header.isVerified)),
            server: nil)
        // Never the one that the workload named: what it asks there is its own choice, and so would be who hears it.
        let servers = upstreams.current
        switch cache.find(key, now: now) {
        case .fresh(let answer, let age): return finish(client, .cached, answer, .fresh(seconds: age))
        case .stale(let answer, let asks):
            // A newer one is being waited for in vain, or is not worth the wait.
            let isHopeless = !asks || servers.allSatisfy(upstreams.isDown) || underWay(key)?.wasStale == true
            if isHopeless || !admits(client.asker.workload) { return finish(client, stale: answer) }
        case .failed: return finish(client, .failed, NameAnswer.failure(.serverFailure, to: query, .noUpstream))
        case .nothing: break
        }
        // Only recursion would find it.
        guard !servers.isEmpty else { return finish(client, .failed, NameAnswer.failure(.serverFailure, to: query, .noUpstream)) }
        guard query.header.recursionDesired else { return finish(client, .refused, NameAnswer.failure(.refused, to: query)) }
        guard admits(client.asker.workload) else {
            return finish(client, .refused, NameAnswer.failure(.serverFailure, to: query, .overloaded))
        }
        if let refusal = nameGuard.charge(client.asker.workload, bits: bits, now: now), refuse(client, refusal) { return }
        if let asked = underWay(key) { return wait(client, for: asked) }
        ask(key, servers, for: client)
    }

    private func ask(_ key: NameKey, _ servers: [SocketAddress], for client: WaitingClient) {
        let order = upstreams.order(servers)
        // Nobody waits long for those that were silent all the time.
        let patience = servers.allSatisfy(upstreams.isDown) ? min(options.timeout, Self.patienceWithTheDead) : options.timeout
        let asked = ForwardedQuery(
            key: key, servers: order, owner: client.asker.workload, isProbe: false, begun: now, deadline: now + patience)
        enter(asked)
        wait(client, for: asked)
        attempt(asked)
    }

    /// Nanoseconds until SERVFAIL while all upstreams are down.
    private static let patienceWithTheDead: UInt64 = 1_000_000_000
    private static let probeTimeout: UInt64 = 2_000_000_000

    /// Asks a server that is down, or seems to be, for something that every one has an answer to, whatever it is.
    func probe(_ server: SocketAddress) {
        let question = DNSQuestion(name: .root, type: .ns)
        let probe = ForwardedQuery(
            key: NameKey(question: question, wishes: UpstreamQuestion.Wishes(), server: server), servers: [server], owner: .none,
            isProbe: true, begun: now, deadline: now + Self.probeTimeout)
        enter(probe)
        attempt(probe)
    }

    func checkTime(of query: ForwardedQuery) {
        if now >= query.deadline {
            noteOverdue(query)
            if query.isProbe { upstreams.missedProbe(query.servers[0], now: now) }
            return fail(query)
        }
        if !query.wasStale, now - query.begun >= options.patience, !query.clients.isEmpty { giveStale(query) }
        guard now >= query.nextAttempt else { return }
        noteOverdue(query)
        // What decides over a server's state is not left to one datagram.
        if query.canAskMore, !query.isProbe || upstreams.isSuspect(query.servers[0]) { attempt(query) }
    }

    private func noteOverdue(_ query: ForwardedQuery) {
        for attempt in query.attempts where !attempt.isOverdue {
            attempt.isOverdue = true
            upstreams.failed(attempt.server, .timeout, now: now)
        }
    }

    // MARK: The ends of a query

    /// There is an answer.
    func succeed(_ query: ForwardedQuery, _ message: DNSMessage) {
        let isVerified = message.header.isVerified
        let lifetime = AnswerLifetime.seconds(of: message, options.cache)
        let bound = lifetime.map { AnswerLifetime.isNegative(message) ? $0 : options.cache.maximumTimeToLive }
        let kept = AnswerLifetime.bounded(
            RelevantRecords.only(message, wantsSignatures: query.key.wishes.wantsSignatures), by: bound ?? options.cache.maximumTimeToLive)
        guard let image = DNSImage(kept) else { return fail(query) }
        let answer = KeptAnswer(image: image, isVerified: isVerified)
        cache.insert(answer, under: query.key, lifetime: lifetime ?? 0, owner: query.owner, now: now)
        end(query) { finish($0, .forwarded, answer, .fresh(seconds: 0)) }
    }

    /// There is none, and there will be none.
    func fail(_ query: ForwardedQuery) {
        if !query.isProbe, !query.wasTruncated { cache.noteFailure(of: query.key, owner: query.owner, now: now) }
        let expired = cache.expired(query.key, now: now)
        end(query) { client in
            if let expired {
                finish(client, stale: expired)
            } else if query.wasTruncated, case .datagram = client.client {
                finish(client, .forwarded, NameAnswer.truncated(to: client.query))
            } else {
                finish(client, .failed, NameAnswer.failure(.serverFailure, to: client.query, .noUpstream))
            }
        }
    }

    /// Clients have waited long enough for something newer.
    private func giveStale(_ query: ForwardedQuery) {
        guard let expired = cache.expired(query.key, now: now) else { return }
        query.wasStale = true
        answerAll(of: query) { finish($0, stale: expired) }
    }

    /// Takes the query out of the table and answers those who wait.
    func end(_ query: ForwardedQuery, _ answer: (WaitingClient) -> Void) {
        query.isFinished = true
        for attempt in query.attempts { close(attempt) }
        query.attempts = []
        leave(query)
        answerAll(of: query, answer)
    }

    private func answerAll(of query: ForwardedQuery, _ answer: (WaitingClient) -> Void) {
        let clients = query.clients
        query.clients = []
        for client in clients {
            release(client)
            answer(client)
        }
        // Connections read on only when all have their answer: what they ask next may be the same.
        for client in clients { resume(client) }
    }

    private func resume(_ client: WaitingClient) {
        if case .stream(let connection) = client.client { process(connection) }
    }

    // MARK: The way back

    private func finish(_ client: WaitingClient, stale answer: KeptAnswer) {
        cache.noteStaleAnswer()
        finish(client, .stale, answer, .stale(timeToLive: options.cache.staleTimeToLive))
    }

    private func finish(_ client: WaitingClient, _ outcome: NameOutcome, _ answer: KeptAnswer, _ age: DNSImage.Age) {
        let query = client.query
        let asksVerification = query.header.isVerified || query.options?.wantsSignatures ?? false
        tally.add(outcome, of: client.asker.service)
        let asker = DNSImage.Asker(
            query: query, limit: limit(of: client.client),
            options: NameAnswer.options(for: query, outcome == .stale ? .stale : nil),
            isVerified: options.trustsVerification && asksVerification && answer.isVerified)
        deliver(answer.image.reply(to: asker, age: age), to: client.client)
    }

    private func finish(_ client: WaitingClient, _ outcome: NameOutcome, _ reply: DNSMessage) {
        tally.add(outcome, of: client.asker.service)
        deliver(reply.encoded(limit: limit(of: client.client)), to: client.client)
    }

    private func limit(of client: NameClient) -> Int {
        switch client {
        case .datagram(let datagram): datagram.limit
        case .stream: DNSMessage.maximumLength
        }
    }

    private func deliver(_ bytes: [UInt8], to client: NameClient) {
        switch client {
        case .datagram(let datagram):
            DatagramSocket.send(datagram.listener.socket.raw, bytes, to: datagram.peer, from: datagram.local)
        case .stream(let connection): connection.send(bytes)
        }
    }
}
