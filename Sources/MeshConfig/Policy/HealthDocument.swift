internal import MeshBalancing

/// Reads `health:` of a policy file (R5.5): what is asked of a service's endpoints, and how often.
enum HealthDocument {
    private static let intervals: ClosedRange<Duration> = .milliseconds(100) ... .seconds(3600)
    private static let timeouts: ClosedRange<Duration> = .milliseconds(10) ... .seconds(60)
    private static let thresholds = 1...100
    private static let checkKeys = ["http", "tcp", "port", "status", "interval", "timeout", "unhealthy", "healthy"]

    /// What a check does that says nothing of it.
    private struct Defaults {
        let interval: Duration
        let timeout: Duration
        let unhealthy = 3
        let healthy: Int

        static let readiness = Defaults(interval: .seconds(5), timeout: .seconds(1), healthy: 2)
        static let liveness = Defaults(interval: .seconds(10), timeout: .seconds(2), healthy: 1)
    }

    static func read(_ value: DocumentValue) -> HealthRules? {
        guard let mapping = value.completeMapping(keys: ["readiness", "liveness"]) else { return nil }
        let (readiness, liveness) = (mapping["readiness"], mapping["liveness"])
        if readiness == nil, liveness == nil {
            value.report("neither `readiness` nor `liveness`: nothing would be checked", "add one, or leave `health` out")
        }
        return HealthRules(
            readiness: readiness.flatMap { check($0, .readiness) }, liveness: liveness.flatMap { check($0, .liveness) })
    }

    private static func check(_ value: DocumentValue, _ defaults: Defaults) -> HealthCheck? {
        guard let mapping = value.completeMapping(keys: checkKeys), let probe = probe(mapping) else { return nil }
        let interval = mapping["interval"].map { $0.duration(in: intervals) ?? defaults.interval } ?? defaults.interval
        let timeout = mapping["timeout"].map { $0.duration(in: timeouts) ?? defaults.timeout } ?? min(defaults.timeout, interval)
        if timeout > interval {
            (mapping["timeout"] ?? value).report(
                "a timeout of \(timeout.short) is longer than the interval of \(interval.short): probes would overlap",
                "shorten `timeout`, or lengthen `interval`")
        }
        return HealthCheck(
            probe: probe, port: mapping["port"]?.port(), interval: interval, timeout: timeout,
            unhealthy: mapping["unhealthy"]?.integer(in: thresholds) ?? defaults.unhealthy,
            healthy: mapping["healthy"]?.integer(in: thresholds) ?? defaults.healthy)
    }

    private static func probe(_ mapping: DocumentMapping) -> HealthCheck.Probe? {
        let (http, tcp, status) = (mapping["http"], mapping["tcp"], mapping["status"])
        if let tcp {
            guard tcp.bool() ?? true else {
                tcp.report("`tcp: false` asks for nothing", "write `tcp: true`, or `http: /path`")
                return nil
            }
            if http != nil { mapping.value.report("both `http` and `tcp`", "leave one of the two out") }
            if let status { status.report("a `status` without `http`: a connection has none", "leave it out, or write `http: /path`") }
            return .tcp
        }
        guard let http else {
            mapping.value.report("neither `http` nor `tcp`", "write `http: /health/ready`, or `tcp: true`")
            return nil
        }
        let statuses = status.map { Self.statuses($0) ?? HealthCheck.defaultStatuses } ?? HealthCheck.defaultStatuses
        return path(http).map { .http(path: $0, statuses: statuses) }
    }

    /// What can stand in a request's first line as it is.
    private static func path(_ value: DocumentValue) -> String? {
        guard let text = value.text(longest: 1024) else { return nil }
        guard text.hasPrefix("/"), text.utf8.allSatisfy({ $0 > 32 && $0 < 127 && $0 != UInt8(ascii: "#") }) else {
            value.report("is no path of a request", "begin it with /, and encode spaces and what is not ASCII")
            return nil
        }
        return text
    }

    /// `204`, or `200-299`.
    private static func statuses(_ value: DocumentValue) -> ClosedRange<Int>? {
        guard let text = value.string() else { return nil }
        let bounds = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard (1...2).contains(bounds.count), let low = bounds[0], let high = bounds[bounds.count - 1], low <= high,
            low >= 200, high <= 599
        else {
            value.report("is \(value.kind), where statuses are expected", "write 204 or 200-399; the bounds are 200 and 599")
            return nil
        }
        return low...high
    }
}
