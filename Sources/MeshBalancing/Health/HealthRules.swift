package import MeshTypes

/// How one question to an endpoint is put, and how many answers in a row it takes to believe them (R5.5).
package struct HealthCheck: Hashable, Sendable {
    package enum Probe: Hashable, Sendable {
        /// A GET whose answer has one of `statuses`.
        case http(path: String, statuses: ClosedRange<Int>)
        /// A connection that is accepted.
        case tcp
    }

    package static let defaultStatuses = 200...399

    package let probe: Probe
    /// nil for the endpoint's own.
    package let port: UInt16?
    /// From the start of one probe to the start of the next.
    package let interval: Duration
    package let timeout: Duration
    /// So many failures in a row, or successes after a failure, change what is believed.
    package let unhealthy: Int
    package let healthy: Int

    package init(probe: Probe, port: UInt16? = nil, interval: Duration, timeout: Duration, unhealthy: Int, healthy: Int) {
        self.probe = probe
        self.port = port
        self.interval = interval
        self.timeout = timeout
        self.unhealthy = unhealthy
        self.healthy = healthy
    }

    /// Where an endpoint is asked.
    package func address(of endpoint: SocketAddress) -> SocketAddress { port.map { SocketAddress(ip: endpoint.ip, port: $0) } ?? endpoint }
}

/// The two things that are asked of a service's endpoints; at least one.
package struct HealthRules: Hashable, Sendable {
    /// May it have traffic.
    package let readiness: HealthCheck?
    /// Does its process still answer at all.
    package let liveness: HealthCheck?

    package init(readiness: HealthCheck?, liveness: HealthCheck?) {
        self.readiness = readiness
        self.liveness = liveness
    }

    package subscript(kind: HealthCheckKind) -> HealthCheck? {
        switch kind {
        case .readiness: readiness
        case .liveness: liveness
        }
    }
}

package enum HealthCheckKind: String, Sendable, CaseIterable { case readiness, liveness }
