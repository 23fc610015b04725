internal import MeshPolicy
internal import MeshTypes

/// Reads one policy file.
struct PolicyDocument {
    static let keys = [
        "service", "allow", "deny", "mTLS", "timeouts", "retries", "rate_limit", "circuit_breaker", "concurrency", "queue",
    ]

    private static let timeouts: ClosedRange<Duration> = .milliseconds(1) ... .seconds(3600)

    private let aliases: [ServiceName: ServiceName]

    static func read(_ file: String, aliases: [ServiceName: ServiceName]) throws(DocumentErrors) -> ServicePolicy {
        let document = try Document(file: file, limit: PolicyDocuments.maximumSize)
        let policy = PolicyDocument(aliases: aliases).policy(of: document)
        try document.finish()
        guard let policy else { throw DocumentErrors([DocumentError(file: file, message: "cannot be read")]) }
        return policy
    }

    private func policy(of document: Document) -> ServicePolicy? {
        let start = RuleLocation(file: document.file, line: 1, column: 1)
        guard let root = document.root else {
            document.report(start, "is empty", "a service that may call nobody says so with `allow: []`")
            return nil
        }
        guard let mapping = keys(of: root, Self.keys), let service = service(of: mapping, document, start) else { return nil }
        var policy = ServicePolicy(service: service, location: start)
        policy.allow = mapping["allow"].map { rules($0) } ?? []
        policy.deny = mapping["deny"].map { rules($0) } ?? []
        policy.mutualTLS = mapping["mTLS"]?.choice(ServicePolicy.MutualTLS.self) ?? .required
        policy.timeouts.request = mapping["timeouts"].flatMap { keys(of: $0, ["request"]) }?["request"]?.duration(in: Self.timeouts)
        policy.retries = mapping["retries"].flatMap(retries)
        policy.rateLimit = mapping["rate_limit"].flatMap(rateLimit)
        policy.circuitBreaker = mapping["circuit_breaker"].flatMap(sensitivity)
        policy.concurrency = mapping["concurrency"]?.integer(in: 1...1_000_000)
        policy.queueLimit = mapping["queue"].flatMap { keys(of: $0, ["limit"]) }?["limit"]?.integer(in: 0...1_000_000)
        return policy
    }

    /// A key without a value is refused: an empty `deny:` or `operation:` would let through more than its author meant.
    private func keys(of value: DocumentValue, _ known: [String]) -> DocumentMapping? {
        let mapping = value.mapping(keys: known)
        mapping?.requireValues()
        return mapping
    }

    /// The `service:` key, or the file's name without its extension.
    private func service(of mapping: DocumentMapping, _ document: Document, _ start: RuleLocation) -> ServiceName? {
        if let named = mapping["service"] { return named.serviceName().map(canonical) }
        var name = document.file.split(separator: "/").last ?? ""
        for suffix in PolicyDocuments.extensions where name.hasSuffix(suffix) { name = name.dropLast(suffix.count) }
        if let service = ServiceName(name) { return canonical(service) }
        document.report(start, "\"\(name)\" is no service's name", "rename the file, or add a `service:` key")
        return nil
    }

    private func canonical(_ name: ServiceName) -> ServiceName { aliases[name] ?? name }

    private func rules(_ value: DocumentValue) -> [PolicyRule] {
        // A single name is a list of one.
        if !value.isList, !value.isMapping { return rule(value).map { [$0] } ?? [] }
        return value.list()?.compactMap(rule) ?? []
    }

    private func rule(_ value: DocumentValue) -> PolicyRule? {
        guard value.isMapping else {
            return peer(value).map { PolicyRule(peer: $0, location: value.location) }
        }
        guard let mapping = keys(of: value, ["service", "operation"]), let named = mapping.required("service").flatMap(peer) else {
            return nil
        }
        guard let operation = mapping["operation"] else { return PolicyRule(peer: named, location: value.location) }
        return operation.text().map { PolicyRule(peer: named, operation: $0, location: value.location) }
    }

    private func peer(_ value: DocumentValue) -> PolicyRule.Peer? {
        if value.string() == "*" { return .any }
        return value.isMapping || value.isList ? nil : value.serviceName().map { .service(canonical($0)) }
    }

    private func retries(_ value: DocumentValue) -> ServicePolicy.Retries? {
        let bound = ServicePolicy.Retries.maximumAttempts
        guard let mapping = keys(of: value, ["enabled", "attempts"]) else { return nil }
        let attempts = mapping["attempts"].map { $0.integer(in: 0...bound) ?? 0 }
        switch mapping["enabled"]?.bool() {
        case false?:
            if let attempts, attempts > 0 { value.report("retries are off, yet attempts is \(attempts)", "leave one of the two out") }
            return ServicePolicy.Retries(attempts: 0)
        case true?, nil: return ServicePolicy.Retries(attempts: attempts ?? bound)
        }
    }

    private static let periods: [(name: String, length: Duration)] = [
        ("s", .seconds(1)), ("sec", .seconds(1)), ("min", .seconds(60)), ("h", .seconds(3600)), ("hour", .seconds(3600)),
    ]

    private func rateLimit(_ value: DocumentValue) -> ServicePolicy.RateLimit? {
        guard let text = value.string() else { return nil }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let requests = Int(parts[0]), (1...1_000_000_000).contains(requests),
            let period = Self.periods.first(where: { $0.name == parts[1] })
        else {
            value.report("is \(value.kind), where a rate is expected", "write it as 500/min, 20/s or 10000/h")
            return nil
        }
        return ServicePolicy.RateLimit(requests: requests, period: period.length)
    }

    private func sensitivity(_ value: DocumentValue) -> ServicePolicy.Sensitivity? {
        let chosen = value.isMapping ? keys(of: value, ["sensitivity"])?.required("sensitivity") : value
        return chosen?.choice(ServicePolicy.Sensitivity.self)
    }
}
