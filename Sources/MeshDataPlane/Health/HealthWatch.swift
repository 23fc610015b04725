internal import MeshBalancing
internal import MeshRuntime
internal import MeshSnapshot
internal import MeshTypes

/// One check of one endpoint, for as long as the policy asks for it.
final class HealthWatch {
    let endpoint: SocketAddress
    let kind: HealthCheckKind
    var check: HealthCheck
    var health: CheckedHealth
    var probe: HealthProbe?
    /// The present probe has told what it had to tell.
    var isDecided = false
    var started: UInt64 = 0
    /// When something is to be done: the next probe begins, or the present one is too late.
    var alarm: UInt64

    init(_ endpoint: SocketAddress, _ kind: HealthCheckKind, _ check: HealthCheck, _ health: CheckedHealth) {
        self.endpoint = endpoint
        self.kind = kind
        self.check = check
        self.health = health
        alarm = health.due
    }
}

/// An endpoint of this node that is checked.
struct CheckedEndpoint {
    var delivery: Snapshot.Delivery
    var watches: [HealthCheckKind: SlabHandle] = [:]
    var published: EndpointHealth
}
