internal import MeshPolicy
internal import MeshRouting
internal import MeshTypes

/// Reads the entries of `routes:`.
extension TrafficDocument {
    private static let routeKeys = [
        "match", "timeouts", "retries", "rate_limit", "split", "fault", "redirect", "mirror", "request_headers", "response_headers",
        "rewrite",
    ]
    private static let matchKeys = ["operation", "path", "prefix", "template", "method", "headers", "query"]

    /// - Parameter policy: what the file says of all requests.
    func route(_ value: DocumentValue, of policy: ServicePolicy) -> ServicePolicy.Route? {
        guard let mapping = value.completeMapping(keys: Self.routeKeys) else { return nil }
        var route = ServicePolicy.Route()
        if let match = mapping.required("match").flatMap(match) { route.match = match }
        route.timeouts = timeouts(mapping["timeouts"])
        if let times = mapping["timeouts"] {
            let effective = route.timeouts.inheriting(policy.timeouts)
            if effective != route.timeouts { check(effective, times) }
        }
        route.retries = mapping["retries"].flatMap(retries)
        route.rateLimit = mapping["rate_limit"].flatMap(rateLimit)
        route.split = mapping["split"].map(split) ?? []
        route.fault = mapping["fault"].flatMap(fault)
        route.redirect = mapping["redirect"].flatMap(redirect)
        let prefix = if case .prefix(let bytes) = route.match.path { String(decoding: bytes, as: UTF8.self) } else { nil as String? }
        route.changes = changes(mapping, prefix: prefix)
        if route.redirect != nil, route.changes.rewrite != nil {
            value.report("both `redirect` and `rewrite`: a redirected request goes nowhere", "leave one of the two out")
        }
        if route.redirect != nil, !route.split.isEmpty {
            value.report("both `redirect` and `split`: a redirected request reaches no version", "leave one of the two out")
        }
        route.mirror = mapping["mirror"].flatMap { mirror($0, of: route) }
        return route
    }

    private func match(_ value: DocumentValue) -> RouteMatch? {
        guard let mapping = value.completeMapping(keys: Self.matchKeys) else { return nil }
        let paths = ["operation", "path", "prefix", "template"].filter { mapping[$0] != nil }
        if paths.count > 1 { value.report("more than one of \(paths.joined(separator: ", "))", "leave one of them") }
        var match = RouteMatch()
        if let operation = mapping["operation"]?.text() { match.path = .operation(operation, of: "\(service)") }
        if let path = mapping["path"].flatMap(path) { match.path = .exact(Array(path.utf8)) }
        if let prefix = mapping["prefix"].flatMap(path) { match.path = .prefix(Array(prefix.utf8)) }
        if let template = mapping["template"], let text = template.text() {
            if let pattern = PathPattern(template: text) {
                match.path = pattern
            } else {
                template.report("is no template of a path", "write it as /users/{id}/orders; braces hold a whole segment")
            }
        }
        match.methods = texts(mapping["method"]).map { Array($0.utf8) }
        match.headers = conditions(mapping["headers"]) { $0.lowercased() }
        match.query = conditions(mapping["query"]) { $0 }
        return match
    }

    private func path(_ value: DocumentValue) -> String? {
        guard let text = value.text(longest: 1024) else { return nil }
        guard text.hasPrefix("/"), !text.contains("?") else {
            value.report("is no path", "begin it with /, without a query")
            return nil
        }
        return text
    }

    private func texts(_ value: DocumentValue?) -> [String] {
        guard let value else { return [] }
        return value.isList ? value.list()?.compactMap { $0.text() } ?? [] : [value.text()].compactMap(\.self)
    }

    /// `{name: value}`; `"*"` for any value.
    private func conditions(_ value: DocumentValue?, name: (String) -> String) -> [RouteMatch.Condition] {
        value?.pairs().compactMap { key, value in
            guard let key = key.text(), let value = value.text() else { return nil }
            return RouteMatch.Condition(name: name(key), value: value == "*" ? nil : value)
        } ?? []
    }

    /// `{v1: 90, v2: 10}`: versions of instances and their weights.
    private func split(_ value: DocumentValue) -> [VersionShare] {
        let shares: [VersionShare] = value.pairs().compactMap { version, weight in
            guard let version = version.text(), let weight = weight.integer(in: 0...1_000_000) else { return nil }
            return VersionShare(version: version, weight: weight)
        }
        if shares.reduce(0, { $0 + $1.weight }) == 0 {
            value.report("no version has a weight above 0", "write it as {v1: 90, v2: 10}")
        }
        return shares.filter { $0.weight > 0 }
    }

    /// `{delay: 200ms, abort: 503, share: 10%}`.
    private func fault(_ value: DocumentValue) -> InjectedFault? {
        guard let mapping = value.completeMapping(keys: ["delay", "abort", "share"]) else { return nil }
        var fault = InjectedFault()
        fault.delay = mapping["delay"]?.duration(in: Self.times)
        fault.abort = mapping["abort"]?.integer(in: 400...599)
        if let share = mapping["share"] { fault.share = share.share() ?? 0 }
        if fault.delay == nil, fault.abort == nil { value.report("neither `delay` nor `abort`", "say what goes wrong") }
        return fault
    }

    /// `{location: /new, status: 308}`.
    private func redirect(_ value: DocumentValue) -> Redirect? {
        guard let mapping = value.completeMapping(keys: ["location", "status"]) else { return nil }
        let location = mapping.required("location")?.text(longest: 2048)
        if let location, location.contains(" ") || !location.utf8.allSatisfy({ $0 < 128 }) {
            mapping["location"]?.report("is no URI", "encode spaces and what is not ASCII")
        }
        let status = mapping["status"]?.integer(in: 301...308) ?? 307
        if !Redirect.statuses.contains(status) {
            mapping["status"]?.report("is no redirection with a location", "write one of 301, 302, 303, 307, 308")
        }
        return location.map { Redirect(status: status, location: $0) }
    }
}
