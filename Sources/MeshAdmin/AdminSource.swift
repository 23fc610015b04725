package import MeshTelemetry

/// Where the status socket takes its answers from: the daemon.
package protocol AdminSource: Sendable {
    func status() async -> StatusView
    func workloads() async -> [WorkloadView]
    func services() async -> [ServiceView]
    func endpoints() async -> [EndpointView]
    func certificates() async -> [CertificateView]
    func policies() async -> [PolicyView]
    func connections() async -> [ConnectionView]
    func checks() async -> [CheckView]
    func names() async -> NamesView
    func configuration() async -> ConfigView
    func registry() async -> RegistryView
    func instances() async -> [InstanceView]
    /// Only asked for those who may.
    func change(_ change: AdminChange) async -> AdminOutcome
    /// Names may have a namespace before them: `default/wallet`.
    /// - Returns: nil when one of them is unknown.
    func explain(source: String, destination: String, operation: String?) async -> ExplainView?
    /// The last finished flows, the oldest first.
    func flows(deniedOnly: Bool, limit: Int) async -> [FlowEntry]
    /// Flows from now on.
    func followFlows(deniedOnly: Bool) async -> AsyncStream<FlowEntry>
    /// Prometheus text format 0.0.4.
    func metrics() async -> String
    func isReady() async -> Bool
}
