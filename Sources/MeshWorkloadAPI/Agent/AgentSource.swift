package import Foundation
package import MeshIdentity
package import MeshTypes
internal import Synchronization

/// The identities that a SPIFFE agent on this machine gives the daemon (R1.5): followed for as long as `run()` runs. What it gave last serves
/// while it is away, until it ends.
package final class AgentSource: SVIDSource {
    /// Of an SVID's lifetime: an agent renews at half of it.
    private static let lateShare = 0.25
    /// An agent that was started anew denies everything until it has heard from its server.
    package static let denialPatience = Duration.seconds(60)

    private struct State {
        var identities: AgentIdentities?
        var status = AgentStatus.connecting
        var accepted = 0
        var discarded = 0
    }

    package let socket: String
    /// An element after every message.
    package let updates: AsyncStream<Void>
    private let updated: AsyncStream<Void>.Continuation
    private let trustDomain: String
    private let denialPatience: Duration
    private let report: @Sendable (AgentStatus) -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - socket: path of the agent's Unix socket.
    ///   - denialPatience: how long a denial at the beginning of each call is taken for that of an agent that was just started.
    ///   - report: told of every change of status.
    package init(
        socket: String, trustDomain: String, denialPatience: Duration = AgentSource.denialPatience,
        report: @escaping @Sendable (AgentStatus) -> Void
    ) {
        self.denialPatience = denialPatience
        self.socket = socket
        self.trustDomain = trustDomain
        self.report = report
        (updates, updated) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    deinit { updated.finish() }

    package var status: AgentStatus { state.withLock { $0.status } }
    /// Messages that were taken over, and that could not be used.
    package var messages: (accepted: Int, discarded: Int) { state.withLock { ($0.accepted, $0.discarded) } }
    /// SPIFFE IDs of the last message that are not used, and why.
    package var refused: [String: String] { state.withLock { $0.identities?.refused ?? [:] } }

    package func trustedRoots() async throws(AuthorityFailure) -> [[UInt8]] {
        guard let roots = state.withLock({ $0.identities?.roots }), !roots.isEmpty else { throw nothing("no trust bundle") }
        return roots
    }

    package func svid(for identity: SPIFFEID, now: Date) async throws(AuthorityFailure) -> GivenSVID {
        guard let identities = state.withLock({ $0.identities }) else { throw nothing("no SVID") }
        guard let given = identities.svids[identity] else {
            // The message was complete: what it does not hold is taken back (§4.4).
            throw AuthorityFailure(
                .withdrawn,
                identities.refused["\(identity)"].map { "the agent's SVID for \(identity) is refused: \($0)" }
                    ?? "the agent at \(socket) has no SVID for \(identity)",
                advice: "register the daemon with the agent's server for it, see docs/spiffe.md")
        }
        let certificate = given.certificate
        guard now >= certificate.notBefore else {
            throw AuthorityFailure(
                .unreachable, "the agent's SVID for \(identity) is valid only from \(certificate.notBefore.formatted(.iso8601))",
                advice: "check the clocks of this machine and of the agent's server")
        }
        guard now < certificate.notAfter else {
            throw AuthorityFailure(
                .unreachable, "the agent's SVID for \(identity) ended at \(certificate.notAfter.formatted(.iso8601))",
                advice: "see why the agent does not renew")
        }
        return given
    }

    /// Whether the agent should have renewed it by now.
    package func isLate(_ status: CertificateStatus, now: Date) -> Bool {
        guard let notBefore = status.notBefore, let notAfter = status.notAfter else { return false }
        return notAfter.timeIntervalSince(now) < Self.lateShare * notAfter.timeIntervalSince(notBefore)
    }

    /// Until cancelled.
    package func run() async {
        var failures = 0
        var denied: ContinuousClock.Instant?
        while !Task.isCancelled {
            let failure: GRPCStatus
            var hasGiven = false
            do {
                for try await message in AgentCall.messages(socket: socket) where accept(message) {
                    failures = 0
                    hasGiven = true
                }
                failure = GRPCStatus(.unavailable, "the agent ended the stream")
            } catch let error as GRPCStatus { failure = error } catch { failure = GRPCStatus(.unavailable, "\(error)") }
            if Task.isCancelled { return }
            failures += 1
            if failure.code == .permissionDenied {
                let since = denied ?? .now
                denied = since
                // Said where it gave them before, that takes back all of them (§5.2.1); at the beginning of a call it may not know yet.
                if hasGiven || .now - since >= denialPatience { redact() }
                enter(.denied(failure))
            } else {
                denied = nil
                enter(.away(failure))
            }
            let pause = AgentBackoff.pause(failures: failures, chance: Double.random(in: 0..<1))
            do { try await Task.sleep(for: pause) } catch { return }
        }
    }

    /// - Returns: false for a message that is discarded: the one before it stays (§4.5).
    package func accept(_ bytes: [UInt8]) -> Bool {
        do throws(MalformedMessage) {
            let identities = try AgentIdentities(X509SVIDResponse(bytes[...]), trustDomain: trustDomain)
            state.withLock { state in
                state.identities = identities.roots.isEmpty ? identities.trusting(state.identities?.roots ?? []) : identities
                state.accepted += 1
            }
            enter(.following(svids: identities.svids.count, refused: identities.refused))
            updated.yield()
            return true
        } catch {
            state.withLock { $0.discarded += 1 }
            enter(.away(GRPCStatus(.dataLoss, "a message was discarded: \(error)")))
            return false
        }
    }

    private func redact() {
        let isNew = state.withLock { state in
            guard let identities = state.identities, !identities.svids.isEmpty else { return false }
            state.identities = identities.redacted
            return true
        }
        if isNew { updated.yield() }
    }

    private func enter(_ status: AgentStatus) {
        let isNew = state.withLock { state in
            defer { state.status = status }
            return state.status != status
        }
        if isNew { report(status) }
    }

    private func nothing(_ what: String) -> AuthorityFailure {
        let why: String
        switch status {
        case .away(let failure), .denied(let failure): why = ": \(failure)"
        case .connecting, .following: why = ""
        }
        return AuthorityFailure(
            .unreachable, "\(what) has come from the agent at \(socket) yet\(why)", advice: "see whether it runs, and docs/spiffe.md")
    }
}

/// What is known of the agent.
package enum AgentStatus: Sendable, Equatable {
    case connecting
    /// - refused: SPIFFE IDs that are not used, and why.
    case following(svids: Int, refused: [String: String])
    case away(GRPCStatus)
    /// It answers, and knows no identity of this program.
    case denied(GRPCStatus)
}

/// How long to wait before the agent is called again.
package enum AgentBackoff {
    private static let first = Duration.milliseconds(250)
    private static let longest = Duration.seconds(30)

    /// - Parameters:
    ///   - failures: in a row, at least 1.
    ///   - chance: 0..<1; up to half of the pause is left to it.
    package static func pause(failures: Int, chance: Double) -> Duration {
        min(first * (1 << min(failures - 1, 10)), longest) * (0.5 + 0.5 * chance)
    }
}
