internal import MeshPolicy
internal import MeshTypes

/// Reads `mirror:` of a route (R4.4): who gets copies of its requests.
extension TrafficDocument {
    private static let mirrorTimes: ClosedRange<Duration> = .milliseconds(1)...Mirror.longestTimeout

    /// `{service: wallet-trial, share: 10%}` or `{version: v2, concurrency: 4, timeout: 500ms}`.
    ///
    /// - Parameter route: what the entry says besides.
    func mirror(_ value: DocumentValue, of route: ServicePolicy.Route) -> Mirror? {
        guard let mapping = value.completeMapping(keys: ["service", "version", "share", "concurrency", "timeout"]) else { return nil }
        var mirror = Mirror()
        let named = mapping["service"].flatMap { $0.serviceName() }.map(canonical)
        mirror.service = named == service ? nil : named
        mirror.version = mapping["version"]?.text()
        if let share = mapping["share"] {
            mirror.share = share.share() ?? mirror.share
            if mirror.share == 0 { share.report("no request would be copied", "write a share above 0%, or leave `mirror` out") }
        }
        if let bound = mapping["concurrency"] {
            mirror.concurrency = bound.integer(in: 1...Mirror.maximumConcurrency) ?? mirror.concurrency
        }
        if let time = mapping["timeout"] { mirror.timeout = time.duration(in: Self.mirrorTimes) ?? mirror.timeout }
        if mapping["service"] == nil, mapping["version"] == nil {
            value.report("neither `service` nor `version`: nobody would get the copies", "name another service, or a version of this one")
        } else if named == service, mapping["version"] == nil {
            mapping["service"]?.report(
                "the copies would go where the requests go: \(service) would have them all twice", "name another service, or a `version`")
        }
        check(mirror, route, value)
        return mirror
    }

    private func check(_ mirror: Mirror, _ route: ServicePolicy.Route, _ value: DocumentValue) {
        if mirror.service == nil, let version = mirror.version, route.split.count == 1, route.split.first?.version == version {
            value.report(
                "`split` sends all requests to \(version), and `mirror` copies of them: its instances would have them all twice",
                "mirror another version, or leave one of the two out")
        }
        if route.redirect != nil {
            value.report("both `redirect` and `mirror`: a redirected request reaches no service", "leave one of the two out")
        }
        if let fault = route.fault, fault.abort != nil, fault.share >= 10_000 {
            value.report("`fault` aborts all requests of the route: there is nothing to mirror", "give `fault` a share below 100%")
        }
    }
}
