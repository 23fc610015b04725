package import Logging
package import MeshIdentity
package import MeshTypes
internal import Synchronization

/// Another authority under the same root: what it has revoked, this one's nodes refuse too.
///
/// What it said last is kept in this authority's directory and counts while it is away. It is asked with a certificate that only an authority
/// can have.
package final class AuthorityPeer: Sendable {
    private static let retry = Duration.seconds(5)

    package let server: SocketAddress
    private let authority: EmbeddedCA
    private let log: Logger
    private let state = Mutex(State())

    private struct State {
        var failure: AuthorityFailure? = nil
        var hasAnswered = false
        var hasOtherRoots = false
    }

    package init(_ server: SocketAddress, of authority: EmbeddedCA, log: Logger) {
        self.server = server
        self.authority = authority
        self.log = log
    }

    /// Why what it revokes now may not be known here; nil: it is.
    package var failure: AuthorityFailure? {
        state.withLock { $0.failure ?? ($0.hasAnswered ? nil : Self.notAsked(server)) }
    }
    /// It has nodes trust other roots than this authority does.
    package var hasOtherRoots: Bool { state.withLock { $0.hasOtherRoots } }

    /// Until cancelled.
    package func run() async {
        var own: AuthorityCertificate?
        while !Task.isCancelled {
            do throws(AuthorityFailure) {
                if own?.isCurrent(of: authority) != true { own = try AuthorityCertificate.make(of: authority) }
                try await follow(as: own?.shown)
                enter(nil)
            } catch {
                if Task.isCancelled { return }
                enter(error)
                do { try await Task.sleep(for: Self.retry) } catch { return }
            }
        }
    }

    /// Asks once; waits for a change if there was an answer before.
    private func follow(as shown: AuthorityClient.Shown?) async throws(AuthorityFailure) {
        let roots = try authority.trust().roots
        // One that cannot be read is written anew.
        let kept = (try? PeerNotices.read(in: authority.directory))?[server.description]
        let wait = state.withLock { $0.hasAnswered && $0.failure == nil } ? AuthorityBounds.longestWait : .zero
        let client = AuthorityClient(server: server, roots: roots, shown: shown)
        let path = "\(AuthorityPath.revocations)?have=\(kept?.version ?? "")&wait=\(wait.components.seconds)"
        let answer = try await client.ask(AuthorityMessages.Revocations.self, path, wait: wait)
        guard answer.notice.isSound else {
            throw AuthorityFailure(.damaged, "what the authority at \(server) says is revoked cannot be used", advice: "see its log")
        }
        if answer.notice != kept {
            try PeerNotices.write(answer.notice, of: server.description, in: authority.directory)
            log.notice(
                "revocations of another authority taken",
                metadata: [
                    "authority": "\(server)", "certificates": "\(answer.notice.serials.count)", "nodes": "\(answer.notice.nodes.count)",
                ])
        }
        // Also without a change: a daemon may have ended between the two.
        if answer.notice != kept || !state.withLock({ $0.hasAnswered }) { try revokeIssued(to: answer.notice.nodes) }
        state.withLock {
            $0.hasAnswered = true
            $0.hasOtherRoots = Set(answer.roots.map { [UInt8]($0) }) != Set(roots)
        }
    }

    /// What a node got from this authority before it was revoked at the other one.
    private func revokeIssued(to nodes: [String]) throws(AuthorityFailure) {
        guard !nodes.isEmpty else { return }
        let order = RevocationOrder(.issued(nodes: Set(nodes)), reason: .unspecified)
        _ = try order.apply(directory: authority.directory, trustDomain: authority.trustDomain)
    }

    private func enter(_ failure: AuthorityFailure?) {
        let before = state.withLock { state in
            defer { state.failure = failure }
            return state.failure
        }
        guard failure?.code != before?.code else { return }
        if let failure {
            log.warning("what another authority revokes is not known here", metadata: ["authority": "\(server)", "error": "\(failure)"])
        } else {
            log.notice("another authority answers", metadata: ["authority": "\(server)"])
        }
    }

    private static func notAsked(_ server: SocketAddress) -> AuthorityFailure {
        AuthorityFailure(.unreachable, "the authority at \(server) has not answered yet", advice: "wait a moment")
    }
}
