package import Logging
package import MeshAdmin
package import MeshConfig
internal import MeshDataPlane
internal import MeshLimits
package import MeshTelemetry

/// The rates that all nodes share, counted in Redis (R5.4), and what an operator sees of that.
package final class SharedLimits: Sendable {
    let rates: GlobalRates
    private let lessor: RedisLessor
    private let place: String
    private let remedy: String

    /// - Returns: nil where no Redis is named.
    package init?(_ configuration: NodeConfiguration, log: Logger) {
        guard let redis = configuration.limits.redis else { return nil }
        var options = RedisOptions(host: redis.host, port: redis.port, trustDomain: configuration.trustDomain)
        options.database = redis.database
        options.usesTLS = redis.usesTLS
        options.authorityFile = configuration.limits.authorityFile
        options.username = configuration.limits.username
        options.passwordFile = configuration.limits.passwordFile
        options.timeout = configuration.limits.timeout
        rates = GlobalRates(fallback: configuration.limits.unavailable == .refuse ? .refuse : .local)
        let place = "\(redis)"
        self.place = place
        let meanwhile =
            configuration.limits.unavailable == .refuse
            ? "requests with a global rate_limit are refused meanwhile" : "each node enforces global rate_limits by itself meanwhile"
        remedy = "start Redis, or correct `limits` in node.yaml; \(meanwhile)"
        lessor = RedisLessor(options, desk: rates) { status in
            switch status {
            case .connecting: break
            case .available: log.notice("global limits are counted together", metadata: ["redis": "\(place)"])
            case .away(let reason):
                log.warning(
                    "global limits are not counted together",
                    metadata: ["redis": "\(place)", "reason": "\(reason)", "then": "\(meanwhile)"])
            }
        }
    }

    package func start() { lessor.start() }
    package func stop() { lessor.stop() }

    package var problem: StatusView.Problem? {
        guard case .away(let reason) = lessor.status else { return nil }
        return StatusView.Problem(what: "global rate limits are not counted together, \(place) is away: \(reason)", remedy: remedy)
    }

    package var check: CheckView {
        switch lessor.status {
        case .available: CheckView("limits", .ok, "global rate limits are counted in \(place)")
        case .connecting: CheckView("limits", .warning, "\(place) was not reached yet", remedy: remedy)
        case .away(let reason): CheckView("limits", .error, "\(place) is away: \(reason)", remedy: remedy)
        }
    }

    package func families() -> [MetricFamily] {
        let counts = rates.counts
        return [
            MetricFamily(
                name: "myelin_global_limit_available", help: "1 while global limits are counted in Redis, 0 while it is away.",
                kind: .gauge,
                samples: [MetricSample(value: lessor.status == .available ? 1 : 0)]),
            MetricFamily(
                name: "myelin_global_limit_round_trips_total", help: "Answers of Redis; each may hold several leases.", kind: .counter,
                samples: [MetricSample(value: Double(lessor.roundTrips))]),
            Self.family(
                name: "myelin_global_limit_leases_total", "Leases of tokens of a limit that this node asked for.", label: "result",
                [("granted", counts.granted), ("used_up", counts.usedUp), ("failed", counts.failed)]),
            Self.family(
                name: "myelin_global_limit_tokens_total", "Tokens that were leased, and those of them that nothing spent in time.",
                label: "kind",
                [("leased", counts.leased), ("lapsed", counts.lapsed)]),
            Self.family(
                name: "myelin_global_limit_alone_total", "Requests decided by this node alone, as nobody could be asked.",
                label: "decision",
                [("admitted", counts.admittedAlone), ("refused", counts.refusedAlone)]),
        ]
    }

    private static func family(name: String, _ help: String, label: String, _ values: [(String, Int)]) -> MetricFamily {
        MetricFamily(
            name: name, help: help, kind: .counter,
            samples: values.map { MetricSample(labels: [MetricSample.Label(label, $0.0)], value: Double($0.1)) })
    }
}
