package import Foundation
package import Logging
package import MeshIdentity
package import MeshTLS
package import MeshTypes

/// An authority that another node carries (R1.5): joined with a token, asked over mutual TLS, followed for changes.
///
/// While none of its servers answers, what was issued serves on, and a question fails at once in place of waiting.
package actor RemoteAuthority: CertificateAuthority {
    /// An element when roots or revocations changed, or the authority answers again.
    package nonisolated let changes: AsyncStream<Void>
    private nonisolated let changed: AsyncStream<Void>.Continuation
    private let options: RemoteAuthorityOptions
    private let files: NodeCredentialFiles
    private let log: Logger
    private var choice: ServerChoice
    private var credential: NodeCredential?
    private var renewAt = Date.distantFuture
    private var trust: AuthorityTrust?
    private var lastError: AuthorityFailure?
    /// A token that was refused is not tried again.
    private var refusedToken: String?
    private var joining: Task<Result<NodeCredential, AuthorityFailure>, Never>?

    package init(_ options: RemoteAuthorityOptions, log: Logger) throws(AuthorityFailure) {
        self.options = options
        self.log = log
        files = NodeCredentialFiles(directory: options.directory)
        choice = ServerChoice(count: options.servers.count)
        (changes, changed) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        guard let kept = try files.read(options.identity) else { return }
        credential = kept.credential
        renewAt = Self.due(kept.credential)
        trust = AuthorityTrust(roots: kept.roots, revoked: .none)
    }

    deinit { changed.finish() }

    package var status: RemoteAuthorityStatus {
        RemoteAuthorityStatus(
            server: lastError == nil ? options.servers[choice.preferred] : nil,
            nodeCertificate: credential.map {
                NodeCertificateStatus(
                    serial: $0.serial, notBefore: Int64($0.notBefore.timeIntervalSince1970),
                    notAfter: Int64($0.notAfter.timeIntervalSince1970))
            }, lastError: lastError?.description)
    }

    package func trustedRoots() async throws(AuthorityFailure) -> [[UInt8]] {
        if trust == nil { _ = try await joined() }
        guard let trust else { throw lastError ?? Self.notJoined }
        return trust.roots
    }

    package func revocations() async throws(AuthorityFailure) -> RevokedSerials { trust?.revoked ?? .none }

    package func issue(
        for identity: SPIFFEID, requestDER: [UInt8], lifetime: Duration, now: Date
    ) async throws(AuthorityFailure) -> IssuedCertificate {
        _ = try await joined()
        let question = AuthorityMessages.Sign(
            request: Data(requestDER), namespace: identity.service.namespace, service: identity.service.name.label,
            lifetimeSeconds: Int(lifetime.components.seconds))
        let answer = try await ask(AuthorityMessages.Signed.self, AuthorityPath.service, question)
        return try Self.issued(answer, for: identity.description)
    }

    /// Joins, follows changes and renews the node's certificate, until cancelled.
    package func run() async {
        while !Task.isCancelled {
            do throws(AuthorityFailure) {
                _ = try await joined()
                try await renewIfDue()
                try await follow(wait: AuthorityBounds.longestWait)
            } catch {
                let pause = choice.notBefore.map { max($0 - .now, ServerChoice.firstPause) } ?? ServerChoice.firstPause * 4
                do { try await Task.sleep(for: pause) } catch { return }
            }
        }
    }

    /// The node's certificate: the one that it has, unless a new token was put down for it.
    private func joined() async throws(AuthorityFailure) -> NodeCredential {
        if let credential, credential.notAfter <= Date() {
            log.error("the node's certificate ended; it needs a new join token", metadata: ["serial": "\(credential.serial)"])
            self.credential = nil
        }
        let token = newToken()
        if let credential, token == nil { return credential }
        if let joining { return try await joining.value.get() }
        guard let token else { throw refuse(Self.notJoined) }
        let task = Task { await self.join(with: token) }
        joining = task
        let result = await task.value
        joining = nil
        switch result {
        case .success(let made): return made
        case .failure(let failure):
            // A token that does not serve is no reason to give up a certificate that does.
            if let credential { return credential }
            throw failure
        }
    }

    private func newToken() -> JoinToken? {
        guard let path = options.tokenFile, let text = try? String(contentsOfFile: path, encoding: .utf8), let token = JoinToken(text)
        else { return nil }
        return token.id == refusedToken || token.id == files.usedToken() ? nil : token
    }

    private func join(with token: JoinToken) async -> Result<NodeCredential, AuthorityFailure> {
        do throws(AuthorityFailure) {
            let found = try await ask(AuthorityMessages.Roots.self, AuthorityPath.roots, as: (nil, []))
            let roots = found.roots.map { [UInt8]($0) }.filter(token.vouches)
            guard !roots.isEmpty else {
                throw AuthorityFailure(
                    .token, "the servers in `ca.servers` are not the authority that the join token was made by",
                    advice: "correct `ca.servers`, or make a token there: `myelind ca token --node \(options.identity.name)`")
            }
            let (keyPEM, requestDER) = try NodeCredential.newRequest()
            let question = AuthorityMessages.Join(
                id: token.id, secret: token.secret, node: options.identity.name, request: Data(requestDER))
            let answer = try await ask(AuthorityMessages.Signed.self, AuthorityPath.join, question, as: (nil, roots))
            let made = try NodeCredential(
                identity: options.identity, chainDER: answer.chain.map { [UInt8]($0) }, keyPEM: keyPEM)
            try files.write(made)
            try files.write(roots: roots)
            try files.write(usedToken: token.id)
            adopt(made)
            trust = AuthorityTrust(roots: roots, revoked: .none)
            log.notice("joined", metadata: ["node": "\(options.identity)", "until": "\(made.notAfter.formatted(.iso8601))"])
            changed.yield()
            try await follow(wait: .zero)
            return .success(made)
        } catch {
            if error.code == .token || error.code == .revoked { refusedToken = token.id }
            return .failure(refuse(error))
        }
    }

    private func adopt(_ made: NodeCredential) {
        credential = made
        renewAt = Self.due(made)
    }

    private func renewIfDue() async throws(AuthorityFailure) {
        guard credential != nil, Date() >= renewAt || !descendsFromFirstRoot() else { return }
        let (keyPEM, requestDER) = try NodeCredential.newRequest()
        let answer = try await ask(AuthorityMessages.Signed.self, AuthorityPath.node, AuthorityMessages.Sign(request: Data(requestDER)))
        let made = try NodeCredential(identity: options.identity, chainDER: answer.chain.map { [UInt8]($0) }, keyPEM: keyPEM)
        try files.write(made)
        adopt(made)
        log.info("the node's certificate was renewed", metadata: ["until": "\(made.notAfter.formatted(.iso8601))"])
    }

    /// After a change of root the certificate of the root before serves only until that one is retired.
    private func descendsFromFirstRoot() -> Bool {
        guard let credential, let first = trust?.roots.first, let bundle = try? TrustBundle(rootsDER: [first]) else { return true }
        return (try? ChainCheck.verify(credential.chainDER, trust: bundle, purpose: .client)) != nil
    }

    /// Waits for a change of roots or revocations, and takes it.
    private func follow(wait: Duration) async throws(AuthorityFailure) {
        let has = trust?.version ?? ""
        let path = "\(AuthorityPath.trust)?have=\(has)&wait=\(wait.components.seconds)"
        let answer = try await ask(AuthorityMessages.Trust.self, path, wait: wait)
        let found = AuthorityTrust(roots: answer.roots.map { [UInt8]($0) }, revoked: RevokedSerials(Set(answer.revoked)))
        guard found != trust else { return }
        guard (try? TrustBundle(rootsDER: found.roots)) != nil else {
            throw refuse(AuthorityFailure(.damaged, "the authority's roots cannot be used", advice: "see its log"))
        }
        if found.roots != trust?.roots { try files.write(roots: found.roots) }
        trust = found
        log.notice("roots and revocations taken", metadata: ["roots": "\(found.roots.count)", "revoked": "\(found.revoked.serials.count)"])
        changed.yield()
    }

    private func ask<Answer: Decodable & Sendable>(
        _ type: Answer.Type, _ path: String, _ question: (any Encodable & Sendable)? = nil, wait: Duration = .zero,
        as identity: (NodeCredential?, [[UInt8]])? = nil
    ) async throws(AuthorityFailure) -> Answer {
        let order = choice.order(now: .now)
        guard !order.isEmpty else { throw lastError ?? Self.notJoined }
        var failure: AuthorityFailure?
        var refusal: AuthorityFailure?
        for server in order {
            do throws(AuthorityFailure) {
                let (credential, roots) = identity ?? (self.credential, trust?.roots ?? [])
                let shown = credential.map { AuthorityClient.Shown(chainDER: $0.chainDER, keyPEM: $0.keyPEM) }
                let client = AuthorityClient(server: options.servers[server], roots: roots, shown: shown)
                let answer = try await client.ask(type, path, question, wait: wait)
                settle(server)
                return answer
            } catch {
                switch error.code {
                // A token is known to the one that made it.
                case .token: refusal = error
                // These another server may be free of.
                case .unreachable, .storage, .damaged, .validity, .permissions, .full: failure = error
                case .trustDomain, .request, .notPlaced, .revoked, .withdrawn, .notANode, .tooManyRequests, .tooEarly:
                    choice.answered(server)
                    throw refuse(error)
                }
            }
        }
        if let refusal {
            guard let failure else {
                if let first = order.first { choice.answered(first) }
                throw refuse(refusal)
            }
            choice.noneAnswered(now: .now, chance: Double.random(in: 0..<1))
            // Only the one that made it knows it, and that may be the one that is away: it is tried again.
            throw refuse(
                AuthorityFailure(
                    failure.code, "\(failure.what), and the servers that answer do not know the join token", advice: refusal.advice))
        }
        choice.noneAnswered(now: .now, chance: Double.random(in: 0..<1))
        throw refuse(failure ?? Self.notJoined)
    }

    private func settle(_ server: Int) {
        choice.answered(server)
        guard let error = lastError else { return }
        lastError = nil
        guard error.code == .unreachable else { return }
        log.notice("the authority answers", metadata: ["server": "\(options.servers[server])"])
        changed.yield()
    }

    private func refuse(_ error: AuthorityFailure) -> AuthorityFailure {
        // One service that is refused says nothing of the others.
        if error.code == .notPlaced || error.code == .tooManyRequests { return error }
        if lastError?.code != error.code { log.warning("authority", metadata: ["error": "\(error)"]) }
        lastError = error
        return error
    }

    private static func due(_ credential: NodeCredential) -> Date {
        RenewalSchedule.due(issued: credential.notBefore, notAfter: credential.notAfter, chance: Double.random(in: 0..<1))
    }

    private static let notJoined = AuthorityFailure(
        .token, "this node has no certificate and no join token that it has not used",
        advice: "make one on the authority's node with `myelind ca token`, and write it into `ca.token_file`")

    private static func issued(_ answer: AuthorityMessages.Signed, for uri: String) throws(AuthorityFailure) -> IssuedCertificate {
        let chain = answer.chain.map { [UInt8]($0) }
        guard let first = chain.first, let leaf = try? ChainCheck.read(first), leaf.uri == uri else {
            throw AuthorityFailure(.damaged, "the authority's certificate is not for \(uri)", advice: "see its log")
        }
        return IssuedCertificate(
            chainDER: chain, notBefore: Date(timeIntervalSince1970: TimeInterval(leaf.notBefore)),
            notAfter: Date(timeIntervalSince1970: TimeInterval(leaf.notAfter)))
    }
}
