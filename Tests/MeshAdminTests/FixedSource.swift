import MeshAdmin
import MeshTelemetry
import MeshTypes

/// A source of fixed answers.
struct FixedSource: AdminSource {
    static let entry = FlowEntry(FlowRecord(), trustDomain: "t", names: { _ in nil })
    var isReadyNow = true

    func status() async -> StatusView {
        StatusView(
            version: "1", node: "n", zone: "z", region: "r", trustDomain: "t", tunnel: "10.0.0.1:15008", state: .serving, pid: 1,
            uptimeSeconds: 2, tookOver: true, generation: 3, adoptedGenerations: [3, 3], workloads: 1, workloadsWaiting: 0, services: 1, flows: 0,
            tunnels: 0, problems: [StatusView.Problem(what: "something", remedy: "do this")])
    }
    func workloads() async -> [WorkloadView] {
        [
            WorkloadView(
                service: "wallet", namespace: "default", spiffe: "spiffe://t/ns/default/sa/wallet", cgroup: "/w", cgroupInode: 42, network: "host",
                permissive: false, state: .captured, reason: nil)
        ]
    }
    func services() async -> [ServiceView] {
        [
            ServiceView(
                service: "wallet", namespace: "default", port: 80, applicationProtocol: "tcp", virtualAddresses: ["240.64.0.1"], endpoints: 1,
                localEndpoints: 1)
        ]
    }
    func endpoints() async -> [EndpointView] { [] }
    func certificates() async -> [CertificateView] {
        [
            CertificateView(
                service: "wallet", namespace: "default", spiffe: "s", state: "valid", serial: "AB", notBefore: nil, notAfter: nil,
                nextRenewal: nil, lastError: nil)
        ]
    }
    func policies() async -> [PolicyView] { [PolicyView(service: "w", allow: ["*"], deny: [], mtls: "required", file: "w.yaml", notEnforced: [])] }
    func connections() async -> [ConnectionView] { [] }
    func checks() async -> [CheckView] { [CheckView("clock", .warning, "is off", remedy: "set it")] }
    func configuration() async -> ConfigView { ConfigView(text: "node: {}\n") }
    func explain(source: String, destination: String) async -> ExplainView? {
        source == "unknown"
            ? nil : ExplainView(source: source, destination: destination, permitted: false, reason: "denied", rule: "a:1:2", text: "no")
    }
    func flows(deniedOnly: Bool, limit: Int) async -> [FlowEntry] { Array(repeating: Self.entry, count: min(limit, 3)) }
    func followFlows(deniedOnly: Bool) async -> AsyncStream<FlowEntry> {
        AsyncStream { continuation in
            for _ in 0..<5 { continuation.yield(Self.entry) }
            continuation.finish()
        }
    }
    func metrics() async -> String { "a 1\n" }
    func isReady() async -> Bool { isReadyNow }
}
