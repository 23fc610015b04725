import Foundation
import MeshAdmin
import MeshTelemetry
import Synchronization

/// A daemon with one of everything. Flows to followers are sent by hand.
final class FakeAdmin: AdminSource {
    private let followers = Mutex<[Int: AsyncStream<FlowEntry>.Continuation]>([:])
    private let ready: Bool
    private let outcome: CheckView.Outcome
    /// What a peer might have called itself.
    private let reason: String

    init(ready: Bool = true, outcome: CheckView.Outcome = .ok, reason: String = "no process yet") {
        self.ready = ready
        self.outcome = outcome
        self.reason = reason
    }

    var followerCount: Int { followers.withLock(\.count) }

    func send(_ flow: FlowEntry) { for follower in followers.withLock({ Array($0.values) }) { follower.yield(flow) } }

    func status() async -> StatusView {
        StatusView(
            version: "1.2.3", node: "n1", zone: "z1", region: "r1", trustDomain: "mesh.example", tunnel: "10.0.0.1:15008", state: .serving,
            pid: 42, uptimeSeconds: 7300, tookOver: true, generation: 9, adoptedGenerations: [9, 8], workloads: 1,
            workloadsWaiting: 1,
            services: 1, flows: 3, tunnels: 2, problems: [.init(what: "policy wallet.yaml:3:1: unknown key", remedy: "correct it")])
    }

    func workloads() async -> [WorkloadView] {
        [
            WorkloadView(
                service: "wallet", namespace: "default", spiffe: "spiffe://mesh.example/ns/default/sa/wallet", cgroup: "/w",
                cgroupInode: 77,
                network: "host", permissive: false, state: .captured, reason: nil),
            WorkloadView(
                service: "usage-collector", namespace: "default", spiffe: "spiffe://mesh.example/ns/default/sa/usage-collector",
                cgroup: "/u",
                cgroupInode: nil, network: "10.1.0.2", permissive: true, state: .waiting, reason: reason),
        ]
    }

    func services() async -> [ServiceView] {
        [
            ServiceView(
                service: "wallet", namespace: "default", port: 8080, applicationProtocol: "http", virtualAddresses: ["240.64.0.1"],
                endpoints: 2,
                localEndpoints: 1, breaker: "closed")
        ]
    }

    func endpoints() async -> [EndpointView] {
        ["wallet", "usage"].map {
            EndpointView(
                service: $0, namespace: "default", address: "10.1.0.2:8080", node: "n1", zone: "z1", version: "v1", distance: "node",
                tunnel: "10.0.0.1:15008", flows: 3, weight: 1, state: "closed", outstanding: 2, latencyMilliseconds: 1.5,
                health: HealthView(state: .unready, isHanging: true, since: "2026-01-01T00:00:00Z", failure: "answered 503"))
        }
    }

    func certificates() async -> [CertificateView] {
        [
            CertificateView(
                service: "wallet", namespace: "default", spiffe: "spiffe://mesh.example/ns/default/sa/wallet", state: "valid", serial: "0a",
                notBefore: "2026-01-01T00:00:00Z", notAfter: "2026-01-02T00:00:00Z", nextRenewal: nil, lastError: nil)
        ]
    }

    func policies() async -> [PolicyView] {
        [PolicyView(service: "wallet", allow: ["usage"], deny: ["oracle"], mtls: "required", file: "/etc/p/wallet.yaml", notEnforced: [])]
    }

    func connections() async -> [ConnectionView] {
        [
            ConnectionView(
                reporter: "source", source: "default/wallet", sourceAddress: "10.1.0.2:4000", destination: "default/usage",
                destinationAddress: "240.64.0.2:80", endpoint: "10.1.0.3:80", path: "tunnel", stage: "carrying", identityVerified: true,
                bytesSent: 1536, bytesReceived: 10, ageSeconds: 61, worker: 0)
        ]
    }

    func names() async -> NamesView {
        NamesView(
            view: "all",
            foreign: "refuse", refusals: [NamesView.Refusal(service: "wallet", why: "not_listed", count: 3)],
            upstreams: [
                NamesView.Upstream(
                    address: "10.0.0.2:53", isConfigured: true, isDown: true, failures: 3, lastFailure: "timeout", latencyMilliseconds: 1.5,
                    queries: 10, answers: 7)
            ],
            cache: NamesView.Cache(entries: 2, bytes: 900, capacity: 1000, hits: 5, misses: 4, stale: 1, evictions: 0),
            queries: [NamesView.Count(result: "cached", count: 5)], waiting: 1, connections: 2, unsolicited: 3)
    }

    func checks() async -> [CheckView] { [CheckView("pins", outcome, "as they are", remedy: outcome == .ok ? "" : "restart")] }

    func configuration() async -> ConfigView { ConfigView(text: "node: n1\n") }

    let changes = Mutex<[AdminChange]>([])

    func registry() async -> RegistryView {
        RegistryView(
            sources: [
                SourceView(
                    name: "etcd", rank: 1, state: "held", since: "2026-01-01T00:00:00Z", records: 12,
                    said: "2026-01-01T00:00:00Z",
                    ageSeconds: 61, remembered: false, generation: "revision 7", dropped: 1, changes: 3, failure: nil,
                    remedy: "myelinctl registry accept etcd")
            ], problems: [.init(source: "etcd", kind: "conflict", what: "10.0.0.1:80 is an endpoint twice")], problemCount: 1,
            publishers: [.init(name: "etcd", current: false, failure: "no answer")], draining: false)
    }

    func instances() async -> [InstanceView] {
        [
            InstanceView(
                id: "w1", source: "embedded", service: "wallet", namespace: "default", addresses: ["10.1.0.2:8080"], state: "draining",
                cgroup: "/w", version: "v1", ttl: "30s", reason: nil)
        ]
    }

    func change(_ change: AdminChange) async -> AdminOutcome {
        changes.withLock { $0.append(change) }
        switch change {
        case .deregister(id: "gone"): return .refused(.unknown, AdminComplaint(error: "no instance", remedy: "look"))
        case .register(id: "bad", _): return .refused(.invalid, AdminComplaint(error: "no port", remedy: "name one"))
        case .register(id: "taken", _): return .refused(.conflict, AdminComplaint(error: "taken", remedy: "use another"))
        default: return .done("done")
        }
    }

    func explain(source: String, destination: String, operation: String?) async -> ExplainView? {
        guard destination != "nobody" else { return nil }
        let permitted = destination == "usage"
        return ExplainView(
            source: source, destination: destination, permitted: permitted, reason: permitted ? "none" : "denied", rule: "wallet.yaml:2:3",
            text: "\(source) \(permitted ? "may" : "may not") call \(destination)")
    }

    func flows(deniedOnly: Bool, limit: Int) async -> [FlowEntry] {
        Array([Self.flow(denied: false), Self.flow(denied: true)].filter { !deniedOnly || $0.isDenied }.suffix(limit))
    }

    func followFlows(deniedOnly: Bool) async -> AsyncStream<FlowEntry> {
        let (stream, continuation) = AsyncStream.makeStream(of: FlowEntry.self, bufferingPolicy: .bufferingNewest(16))
        let id = followers.withLock { followers in
            let id = (followers.keys.max() ?? 0) + 1
            followers[id] = continuation
            return id
        }
        continuation.onTermination = { [weak self] _ in _ = self?.followers.withLock { $0.removeValue(forKey: id) } }
        return stream
    }

    func metrics() async -> String { "myelin_up 1\n" }

    func isReady() async -> Bool { ready }

    func endFollowers() { for follower in followers.withLock({ Array($0.values) }) { follower.finish() } }

    static func flow(denied: Bool) -> FlowEntry {
        let (path, verdict, reason) = denied ? ("none", "denied", "not_allowed") : ("tunnel", "allowed", "none")
        let text = """
            {"time": "2026-01-01T00:00:00.000Z", "reporter": "source", "path": "\(path)", "verdict": "\(verdict)", "reason": "\(reason)",
             "source": {"service": "wallet", "namespace": "default"}, "destination": {"service": "usage", "namespace": "default"},
             "identityVerified": true, "bytesSent": 5, "bytesReceived": 6, "durationMs": 1.5, "ending": "closed", "transport": "tcp"}
            """
        return try! JSONDecoder().decode(FlowEntry.self, from: Data(text.utf8))
    }
}
