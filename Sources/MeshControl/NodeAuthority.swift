internal import Foundation
internal import Logging
internal import MeshAdmin
internal import MeshAuthority
package import MeshConfig
package import MeshIdentity
internal import MeshTelemetry
internal import MeshTypes
internal import Synchronization

/// Who signs this node's certificates (R1.5): an authority that this daemon carries, and perhaps serves to others, or one elsewhere.
final class NodeAuthority: Sendable {
    private static let retry = Duration.seconds(5)
    /// How soon a change of the authority's own files is noticed.
    private static let look = Duration.seconds(1)
    /// The list of revoked certificates is written anew, before its readers want another one.
    private static let listInterval = Duration.seconds(24 * 3600)
    /// A root that ends within this is spoken of.
    private static let warning: TimeInterval = 30 * 24 * 3600

    enum Kind: Sendable {
        case carried(EmbeddedCA)
        case elsewhere(RemoteAuthority)
    }

    let kind: Kind
    private let configuration: NodeConfiguration
    private let log: Logger
    /// Of an authority that this node carries.
    private let peers: [AuthorityPeer]
    private let serving = Mutex<(desk: IssuingDesk?, failure: String?)>((nil, nil))

    init(_ configuration: NodeConfiguration, log: Logger) throws(StartFailure) {
        self.configuration = configuration
        self.log = log
        do throws(AuthorityFailure) {
            if configuration.authority.servers.isEmpty {
                let authority = try Self.carried(configuration)
                kind = .carried(authority)
                peers = configuration.authority.peers.map { AuthorityPeer($0, of: authority, log: log) }
            } else {
                kind = .elsewhere(try Self.elsewhere(configuration, log))
                peers = []
            }
        } catch { throw StartFailure(code: "authority_\(error.code.rawValue)", what: error.what, advice: error.advice) }
    }

    var signer: any CertificateAuthority {
        switch kind {
        case .carried(let authority): authority
        case .elsewhere(let authority): authority
        }
    }

    /// For messages.
    var place: String {
        switch kind {
        case .carried: configuration.authorityDirectory
        case .elsewhere: configuration.authority.servers.map(\.description).joined(separator: ", ")
        }
    }

    /// Until cancelled.
    func run(_ reconciler: Reconciler, _ identities: IdentityStore) async {
        switch kind {
        case .carried(let authority):
            await withTaskGroup { group in
                group.addTask { await self.follow(authority, identities) }
                for peer in self.peers { group.addTask { await peer.run() } }
                if let address = self.configuration.authority.serve {
                    group.addTask { await self.serve(authority, on: address, reconciler) }
                }
            }
        case .elsewhere(let authority):
            await withTaskGroup { group in
                group.addTask { await authority.run() }
                group.addTask { for await _ in authority.changes { await identities.retry() } }
            }
        }
    }

    /// An order on the authority's directory is followed without waiting for the store's next look.
    private func follow(_ authority: EmbeddedCA, _ identities: IdentityStore) async {
        var version: String?
        var written = ContinuousClock.now - Self.listInterval
        while !Task.isCancelled {
            if let found = try? authority.trust().version, found != version || ContinuousClock.now - written >= Self.listInterval {
                if version != nil, found != version { await identities.renewDue() }
                version = found
                written = .now
                writeRevocationList(authority)
            }
            do { try await Task.sleep(for: Self.look) } catch { return }
        }
    }

    private func writeRevocationList(_ authority: EmbeddedCA) {
        do throws(AuthorityFailure) { try authority.writeRevocationList() } catch {
            log.warning("no list of revoked certificates for programs outside", metadata: ["error": "\(error)"])
        }
    }

    /// A server that cannot serve is reported and tried again: this node's own traffic does not depend on it.
    private func serve(_ authority: EmbeddedCA, on address: SocketAddress, _ reconciler: Reconciler) async {
        let desk = IssuingDesk(authority, longest: configuration.authority.lifetime) { node, service in
            await reconciler.registry.places(service, on: node)
        }
        serving.withLock { $0.desk = desk }
        while !Task.isCancelled {
            do {
                let server = try AuthorityServer(desk, listen: address, log: log)
                try await server.run { [log] _ in
                    self.serving.withLock { $0.failure = nil }
                    log.notice("the authority is served", metadata: ["address": "\(address)"])
                }
            } catch is CancellationError { return } catch {
                serving.withLock { $0.failure = "\(error)" }
                log.error("the authority cannot be served", metadata: ["address": "\(address)", "error": "\(error)"])
            }
            try? await Task.sleep(for: Self.retry)
        }
    }

    func problem() async -> StatusView.Problem? {
        let view = await check()
        return view.outcome == .ok ? nil : StatusView.Problem(what: view.message, remedy: view.remedy)
    }

    func check() async -> CheckView {
        switch kind {
        case .carried(let authority): checkCarried(authority)
        case .elsewhere(let authority): await checkElsewhere(authority)
        }
    }

    private func checkCarried(_ authority: EmbeddedCA) -> CheckView {
        if let problem = authority.problem { return CheckView("authority", .error, problem.what, remedy: problem.advice) }
        if let failure = serving.withLock({ $0.failure }) {
            return CheckView(
                "authority", .error, "it cannot be served: \(failure)",
                remedy: "`ca.serve.listen` must be an address of this node, and free")
        }
        let left = authority.rootNotAfter.timeIntervalSinceNow
        let until = authority.rootNotAfter.formatted(.iso8601)
        guard left > Self.warning else {
            return CheckView(
                "authority", left > 0 ? .warning : .error, "its own certificate ends at \(until)",
                remedy: configuration.authority.intermediate == nil
                    ? "change the root: `myelind ca rotate prepare`" : "have the intermediate renewed, and write it into its files")
        }
        return checkPeers() ?? CheckView("authority", .ok, "this node carries it until \(until)")
    }

    private func checkPeers() -> CheckView? {
        for peer in peers {
            if let failure = peer.failure {
                return CheckView(
                    "authority", .warning, "what another one revokes is not known here: \(failure.what)",
                    remedy: "\(failure.advice); while it is away, revoke here too")
            }
            if peer.hasOtherRoots {
                return CheckView(
                    "authority", .warning, "the one at \(peer.server) has its nodes trust other roots than this one",
                    remedy: "put the same certificates into `roots` of both, before either signs with a new one")
            }
        }
        return nil
    }

    private func checkElsewhere(_ authority: RemoteAuthority) async -> CheckView {
        let status = await authority.status
        if let error = status.lastError {
            return CheckView(
                "authority", .warning, error, remedy: "traffic goes on until the certificates end; see `myelinctl certificates`")
        }
        guard let server = status.server, let node = status.nodeCertificate else {
            return CheckView("authority", .warning, "it was not reached yet", remedy: "wait a moment; see the log if that lasts")
        }
        let until = Date(timeIntervalSince1970: TimeInterval(node.notAfter)).formatted(.iso8601)
        return CheckView("authority", .ok, "answers at \(server); this node's own certificate is valid until \(until)")
    }

    private static func carried(_ configuration: NodeConfiguration) throws(AuthorityFailure) -> EmbeddedCA {
        try EmbeddedCA.open(
            directory: configuration.authorityDirectory, trustDomain: configuration.trustDomain, node: configuration.node.name,
            source: AuthoritySource(configuration))
    }

    private static func elsewhere(_ configuration: NodeConfiguration, _ log: Logger) throws(AuthorityFailure) -> RemoteAuthority {
        guard let identity = NodeIdentity(trustDomain: configuration.trustDomain, name: configuration.node.name) else {
            throw AuthorityFailure(.request, "\(configuration.node.name) is no name of a node", advice: "correct `node.name`")
        }
        return try RemoteAuthority(
            RemoteAuthorityOptions(
                servers: configuration.authority.servers, identity: identity, tokenFile: configuration.authority.tokenFile,
                directory: configuration.stateDirectory + "/authority"), log: log)
    }
}

extension NodeAuthority {
    func families() async -> [MetricFamily] {
        var families = [
            MetricFamily(
                name: "myelin_authority_available", help: "1 while the certificate authority can be asked, else 0.", kind: .gauge,
                samples: [MetricSample(value: await isAnswering() ? 1 : 0)]),
            MetricFamily(
                name: "myelin_authority_expiry_seconds",
                help: "When the authority's certificate ends, where this node carries it, else the node's own; seconds since the epoch.",
                kind: .gauge, samples: await expiry().map { [MetricSample(value: $0)] } ?? []),
            MetricFamily(
                name: "myelin_revoked_certificates", help: "Certificates that this node refuses before their end.", kind: .gauge,
                samples: [MetricSample(value: Double((try? await signer.revocations())?.serials.count ?? 0))]),
        ]
        guard let counts = serving.withLock({ $0.desk })?.statistics else { return families }
        families += [
            MetricFamily(
                name: "myelin_authority_issued_total", help: "Certificates that were handed to other nodes.", kind: .counter,
                samples: [("joined", counts.joined), ("node", counts.nodes), ("service", counts.services)].map {
                    MetricSample(labels: [MetricSample.Label("kind", $0.0)], value: Double($0.1))
                }),
            MetricFamily(
                name: "myelin_authority_refused_total", help: "Questions of other nodes that were refused, by code.", kind: .counter,
                samples: AuthorityFailure.Code.allCases.map {
                    MetricSample(labels: [MetricSample.Label("code", $0.rawValue)], value: Double(counts.refused[$0] ?? 0))
                }),
        ]
        return families
    }

    private func isAnswering() async -> Bool {
        switch kind {
        case .carried(let authority): authority.problem == nil && serving.withLock { $0.failure == nil }
        case .elsewhere(let authority): await authority.status.lastError == nil
        }
    }

    private func expiry() async -> Double? {
        switch kind {
        case .carried(let authority): authority.rootNotAfter.timeIntervalSince1970
        case .elsewhere(let authority): (await authority.status.nodeCertificate).map { Double($0.notAfter) }
        }
    }
}

extension AuthoritySource {
    /// What `ca.intermediate` says.
    package init(_ configuration: NodeConfiguration) {
        guard let own = configuration.authority.intermediate else {
            self = .root
            return
        }
        self = .intermediate(certificate: own.certificate, key: own.key, roots: own.roots)
    }
}
