internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import MeshIdentity
internal import MeshTypes

/// The questions, one by one.
extension AuthorityServer {
    func routes() -> Router<NodeQuestion> {
        let router = Router(context: NodeQuestion.self)
        router.get("\(AuthorityPath.roots)") { _, question in
            await self.answer(question) { () throws(AuthorityFailure) in
                try self.admit(self.joinRates.withLock { $0.admit(question.address, now: self.seconds) }, question.address)
                return AuthorityMessages.Roots(roots: self.identity.trust.roots.map { Data($0) })
            }
        }
        router.post("\(AuthorityPath.join)") { request, question in
            await self.answer(question) { () throws(AuthorityFailure) in try await self.join(request, question) }
        }
        router.post("\(AuthorityPath.node)") { request, question in
            await self.answer(question) { () throws(AuthorityFailure) in try await self.renew(request, question) }
        }
        router.post("\(AuthorityPath.service)") { request, question in
            await self.answer(question) { () throws(AuthorityFailure) in try await self.sign(request, question) }
        }
        router.get("\(AuthorityPath.trust)") { request, question in
            await self.answer(question) { () throws(AuthorityFailure) in try await self.trust(request, question) }
        }
        router.get("\(AuthorityPath.revocations)") { request, question in
            await self.answer(question) { () throws(AuthorityFailure) in try await self.revocations(request, question) }
        }
        return router
    }

    private func join(_ request: Request, _ question: NodeQuestion) async throws(AuthorityFailure) -> AuthorityMessages.Signed {
        try admit(joinRates.withLock { $0.admit(question.address, now: self.seconds) }, question.address)
        let join = try await read(AuthorityMessages.Join.self, request)
        let issued = try desk.join(id: join.id, secret: join.secret, node: join.node, requestDER: [UInt8](join.request))
        log.notice("node joined", metadata: ["node": "\(join.node)", "address": "\(question.address)"])
        return AuthorityMessages.Signed(chain: issued.chainDER.map { Data($0) })
    }

    private func renew(_ request: Request, _ question: NodeQuestion) async throws(AuthorityFailure) -> AuthorityMessages.Signed {
        let node = try await node(of: question)
        let sign = try await read(AuthorityMessages.Sign.self, request)
        let issued = try desk.renew(node, requestDER: [UInt8](sign.request))
        return AuthorityMessages.Signed(chain: issued.chainDER.map { Data($0) })
    }

    private func sign(_ request: Request, _ question: NodeQuestion) async throws(AuthorityFailure) -> AuthorityMessages.Signed {
        let node = try await node(of: question)
        let sign = try await read(AuthorityMessages.Sign.self, request)
        guard let namespace = sign.namespace, DNSLabel.isValid(namespace.utf8), let name = sign.service.flatMap({ ServiceName($0) }) else {
            throw AuthorityFailure(.request, "the question names no service", advice: "ask with this version's myelind")
        }
        let issued = try await desk.sign(
            ServiceIdentity(namespace: namespace, name: name), for: node, requestDER: [UInt8](sign.request),
            lifetime: sign.lifetimeSeconds.map { .seconds($0) })
        return AuthorityMessages.Signed(chain: issued.chainDER.map { Data($0) })
    }

    /// At once if the node has something else, else when there is something else, or after a while.
    private func trust(_ request: Request, _ question: NodeQuestion) async throws(AuthorityFailure) -> AuthorityMessages.Trust {
        let node = try await node(of: question)
        let has = Self.has(request)
        note(node.name, has: has)
        await wait(request) { self.identity.trust.version == has }
        let trust = identity.trust
        return AuthorityMessages.Trust(
            version: trust.version, roots: trust.roots.map { Data($0) }, revoked: trust.revoked.serials.sorted())
    }

    /// As `trust`, for another authority under the same root.
    private func revocations(_ request: Request, _ question: NodeQuestion) async throws(AuthorityFailure) -> AuthorityMessages.Revocations {
        try await question.checkAuthority(desk.authority)
        let has = Self.has(request)
        await wait(request) { (try? self.desk.authority.notice().version) == has }
        return AuthorityMessages.Revocations(
            notice: try desk.authority.notice(), roots: identity.trust.roots.map { Data($0) })
    }

    /// What the one that asks has already.
    private static func has(_ request: Request) -> String { request.uri.queryParameters["have"].map(String.init) ?? "" }

    /// For as long as the question says, at most.
    private func wait(_ request: Request, while isSame: () -> Bool) async {
        let asked = Duration.seconds(request.uri.queryParameters["wait"].flatMap { Int($0) } ?? 0)
        let deadline = ContinuousClock.now + min(asked, AuthorityBounds.longestWait)
        while isSame(), ContinuousClock.now < deadline, !Task.isCancelled { try? await Task.sleep(for: AuthorityBounds.look) }
    }

    private func node(of question: NodeQuestion) async throws(AuthorityFailure) -> NodeIdentity {
        let node = try await question.node(desk.authority)
        try admit(nodeRates.withLock { $0.admit(node.name, now: self.seconds) }, node.name)
        return node
    }

    private func admit(_ isAdmitted: Bool, _ who: String) throws(AuthorityFailure) {
        guard !isAdmitted else { return }
        throw AuthorityFailure(.tooManyRequests, "\(who) asks too often", advice: "it is asked again by itself, later")
    }

    private func read<Message: Decodable>(_ type: Message.Type, _ request: Request) async throws(AuthorityFailure) -> Message {
        do {
            return try AuthorityMessages.decode(type, Data(buffer: try await request.body.collect(upTo: AuthorityBounds.question)))
        } catch {
            throw AuthorityFailure(
                .request, "the question cannot be read, or is longer than \(AuthorityBounds.question) bytes",
                advice: "ask with this version's myelind")
        }
    }

    private func answer(
        _ question: NodeQuestion, _ body: () async throws(AuthorityFailure) -> some Encodable
    ) async -> Response {
        do throws(AuthorityFailure) {
            return Self.respond(try await body(), .ok)
        } catch {
            desk.note(error)
            log.warning(
                "the authority refuses",
                metadata: ["reason": "\(error.code.rawValue)", "what": "\(error.what)", "address": "\(question.address)"])
            return Self.respond(
                AuthorityMessages.Refusal(code: error.code.rawValue, what: error.what, advice: error.advice), Self.status(error.code))
        }
    }

    private static func respond(_ value: some Encodable, _ status: HTTPResponse.Status) -> Response {
        guard let data = try? AuthorityMessages.encode(value) else { return Response(status: .internalServerError) }
        return Response(
            status: status, headers: [.contentType: "application/json"], body: ResponseBody(byteBuffer: ByteBuffer(data: data)))
    }

    private static func status(_ code: AuthorityFailure.Code) -> HTTPResponse.Status {
        switch code {
        case .request, .trustDomain, .tooEarly: .badRequest
        case .token, .notANode: .unauthorized
        case .notPlaced, .revoked, .withdrawn, .permissions: .forbidden
        case .tooManyRequests: .tooManyRequests
        case .storage, .damaged, .validity, .unreachable, .full: .serviceUnavailable
        }
    }
}
