internal import Foundation
internal import Logging
internal import MeshAdmin
internal import MeshConfig
internal import MeshIdentity
internal import MeshTelemetry
internal import MeshWorkloadAPI

/// The SPIFFE agent that gives this node its SVIDs in place of an authority of the mesh, and what an operator sees of it.
final class SPIFFEAgent: Sendable {
    let source: AgentSource
    private let remedy: String

    /// - Returns: nil where no agent is named.
    init?(_ configuration: NodeConfiguration, log: Logger) {
        guard let socket = configuration.spiffe.agentSocket else { return nil }
        remedy = "see whether the agent runs and knows the daemon (docs/spiffe.md), or correct `spiffe.agent` in node.yaml"
        source = AgentSource(socket: socket, trustDomain: configuration.trustDomain) { status in
            switch status {
            case .connecting: break
            case .following(let svids, let refused):
                log.notice("SPIFFE agent gave identities", metadata: ["socket": "\(socket)", "svids": "\(svids)"])
                for (identity, why) in refused.sorted(by: { $0.key < $1.key }) {
                    log.warning("SVID of the SPIFFE agent is not used", metadata: ["spiffe_id": "\(identity)", "reason": "\(why)"])
                }
            case .away(let failure):
                log.warning("SPIFFE agent is away, its last SVIDs serve", metadata: ["socket": "\(socket)", "reason": "\(failure)"])
            case .denied(let failure):
                log.error("SPIFFE agent knows no identity of this daemon", metadata: ["socket": "\(socket)", "reason": "\(failure)"])
            }
        }
    }

    /// Until cancelled.
    func run(_ identities: IdentityStore) async {
        await withTaskGroup { group in
            group.addTask { await self.source.run() }
            group.addTask { for await _ in self.source.updates { await identities.renewDue() } }
        }
    }

    private var failure: String? {
        switch source.status {
        case .away(let failure): "the SPIFFE agent at \(source.socket) is away: \(failure); its last SVIDs serve until they end"
        case .denied(let failure): "the SPIFFE agent at \(source.socket) knows no identity of this daemon: \(failure)"
        case .connecting: "the SPIFFE agent at \(source.socket) has not answered yet"
        case .following: nil
        }
    }

    var problem: StatusView.Problem? { failure.map { StatusView.Problem(what: $0, remedy: remedy) } }

    /// What it lacks for a service of this node stands beside that service's certificate.
    func check(_ certificates: [CertificateStatus]) -> CheckView {
        if let failure { return CheckView("spiffe agent", .error, failure, remedy: remedy) }
        let late = certificates.filter { source.isLate($0, now: Date()) }
        if let first = late.first {
            return CheckView(
                "spiffe agent", .warning, "\(late.count) SVIDs were not renewed by the agent in time, first \(first.identity)",
                remedy: "see the agent's log: it does not reach its server")
        }
        let refused = source.refused.sorted { $0.key < $1.key }
        guard let first = refused.first else { return CheckView("spiffe agent", .ok, "\(source.socket) gives this node its SVIDs") }
        return CheckView(
            "spiffe agent", .warning, "\(refused.count) of its SVIDs are not used, first \(first.key): \(first.value)",
            remedy: "correct the agent's registration entries, see docs/spiffe.md")
    }

    func families() -> [MetricFamily] {
        let messages = source.messages
        var isFollowing = 0.0
        if case .following = source.status { isFollowing = 1 }
        return [
            MetricFamily(
                name: "myelin_spiffe_agent_available", help: "1 while the SPIFFE agent's stream is open, 0 while it is away.", kind: .gauge,
                samples: [MetricSample(value: isFollowing)]),
            MetricFamily(
                name: "myelin_spiffe_agent_messages_total", help: "Messages of the SPIFFE agent.", kind: .counter,
                samples: [
                    MetricSample(labels: [MetricSample.Label("result", "accepted")], value: Double(messages.accepted)),
                    MetricSample(labels: [MetricSample.Label("result", "discarded")], value: Double(messages.discarded)),
                ]),
        ]
    }
}
