internal import Foundation
internal import MeshAdmin
internal import MeshBalancing
internal import MeshDataPlane
internal import MeshRuntime
internal import MeshSnapshot
internal import MeshTelemetry
internal import MeshTypes

/// What the node knows of its endpoints' health, for operators and Prometheus (R5.5, R8.1).
extension NodeAdmin {
    /// - Parameters:
    ///   - checked: what this node's own checks say; nil for other nodes' endpoints.
    ///   - known: what its balancing goes by; nil before the service was first called from here.
    static func health(
        of endpoint: Endpoint, _ service: SnapshotService, _ checked: EndpointHealth?, _ known: EndpointStatus?
    ) -> HealthView {
        guard service.traffic.health != nil else { return HealthView(state: .unchecked) }
        if let checked {
            return HealthView(
                state: state(checked.readiness), isHanging: checked.isHanging, since: time(checked.since), failure: checked.failure)
        }
        guard let known, let age = known.readinessAge else { return HealthView(state: .unknown) }
        return HealthView(state: state(known.readiness), since: time(MonotonicClock.wall() &- age.nanoseconds))
    }

    private static func state(_ readiness: Readiness) -> HealthView.State {
        switch readiness {
        case .ready: .ready
        case .unready: .unready
        case .unknown: .unknown
        }
    }

    /// - Parameter nanoseconds: since the epoch.
    private static func time(_ nanoseconds: UInt64) -> String {
        Date(timeIntervalSince1970: Double(nanoseconds / 1_000_000_000)).formatted(.iso8601)
    }

    private static let maximumFindings = 100

    /// Endpoints of this node that fail their checks, one finding each.
    func checkHealth() -> [CheckView] {
        let health = parts.dataPlane.health
        let bad = health.filter { $0.readiness == .unready }.sorted { "\($0.address)" < "\($1.address)" }
        guard !bad.isEmpty else {
            return [
                CheckView(
                    "health", .ok,
                    health.isEmpty ? "no policy asks for checks here" : "all \(health.count) checked endpoints of this node are well")
            ]
        }
        return bad.prefix(Self.maximumFindings).map { endpoint in
            let what = "\(serviceName(endpoint.service)) at \(endpoint.address)"
            let since = "since \(Self.time(endpoint.since))" + (endpoint.failure.map { ": \($0)" } ?? "")
            return endpoint.isHanging == true
                ? CheckView(
                    "health", .error, "\(what) hangs \(since)",
                    remedy: "restart it, after looking at what its process waits for; see `liveness` in its policy")
                : CheckView(
                    "health", .warning, "\(what) is not ready \(since)",
                    remedy: "see its log; it gets traffic again when the request that `readiness` of its policy names succeeds")
        }
    }

    private func serviceName(_ id: ServiceID) -> String { parts.numbers.identity(of: id).map { "\($0)" } ?? "unknown" }

    func healthFamilies() -> [MetricFamily] {
        let health = parts.dataPlane.health.sorted { "\($0.address)" < "\($1.address)" }
        func labels(_ endpoint: EndpointHealth) -> [MetricSample.Label] {
            serviceLabels(endpoint.service) + [MetricSample.Label("endpoint", endpoint.address.description)]
        }
        let ready = health.filter { $0.readiness != .unknown }.map {
            MetricSample(labels: labels($0), value: $0.readiness == .ready ? 1 : 0)
        }
        let alive = health.compactMap { endpoint in
            endpoint.isHanging.map { MetricSample(labels: labels(endpoint), value: $0 ? 0 : 1) }
        }
        let probes = parts.dataPlane.healthTallies.map { tally, count in
            MetricSample(
                labels: serviceLabels(tally.service) + [
                    MetricSample.Label("check", tally.kind.rawValue), MetricSample.Label("result", tally.result.rawValue),
                ], value: Double(count))
        }
        return [
            MetricFamily(
                name: "myelin_endpoint_ready", help: "Whether an endpoint of this node may have traffic, by its checks.", kind: .gauge,
                samples: ready),
            MetricFamily(
                name: "myelin_endpoint_alive", help: "Whether the process behind an endpoint of this node answers.", kind: .gauge,
                samples: alive),
            MetricFamily(
                name: "myelin_health_checks_total", help: "Probes of this node's endpoints by result.", kind: .counter,
                samples: probes.sorted { left, right in left.labels.lexicographicallyPrecedes(right.labels) { $0.value < $1.value } }),
        ]
    }

    private func serviceLabels(_ id: ServiceID) -> [MetricSample.Label] {
        let identity = parts.numbers.identity(of: id)
        return [
            MetricSample.Label("service", identity.map { "\($0.name)" } ?? "unknown"),
            MetricSample.Label("namespace", identity?.namespace ?? "unknown"),
        ]
    }
}
