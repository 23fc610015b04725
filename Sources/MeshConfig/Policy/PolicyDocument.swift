internal import MeshPolicy
internal import MeshTypes

/// Reads one policy file.
struct PolicyDocument {
    static let keys = [
        "service", "allow", "deny", "mTLS", "timeouts", "retries", "rate_limit", "circuit_breaker", "concurrency", "queue",
        "balance", "routes", "health", "request_headers", "response_headers", "rewrite", "identity_header", "forwarded_from", "dns",
    ]

    private let aliases: [ServiceName: ServiceName]

    static func read(_ document: Document, aliases: [ServiceName: ServiceName]) throws(DocumentErrors) -> ServicePolicy {
        let policy = PolicyDocument(aliases: aliases).policy(of: document)
        try document.finish()
        guard let policy else { throw DocumentErrors([DocumentError(file: document.file, message: "cannot be read")]) }
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
        let traffic = TrafficDocument(service: service, aliases: aliases)
        policy.timeouts = traffic.timeouts(mapping["timeouts"])
        policy.retries = mapping["retries"].flatMap(traffic.retries)
        policy.rateLimit = mapping["rate_limit"].flatMap(traffic.rateLimit)
        policy.circuitBreaker = mapping["circuit_breaker"].flatMap(traffic.sensitivity)
        policy.concurrency = mapping["concurrency"]?.integer(in: 1...1_000_000)
        policy.queue = mapping["queue"].flatMap(traffic.queue)
        if let queue = mapping["queue"], policy.concurrency == nil {
            queue.report("a queue without `concurrency`: nothing would ever wait", "say how many requests are answered at one moment")
        }
        (policy.balance, policy.affinity) = mapping["balance"].map(traffic.balance) ?? (.leastOutstanding, nil)
        policy.health = mapping["health"].flatMap(HealthDocument.read)
        policy.changes = traffic.changes(mapping, prefix: "/")
        policy.identity.header = mapping["identity_header"]?.choice(ServicePolicy.Identity.Header.self) ?? .none
        policy.identity.forwarders = Set(mapping["forwarded_from"]?.list()?.compactMap { $0.serviceName().map(canonical) } ?? [])
        policy.foreignNames = mapping["dns"].map(NamesPolicyDocument.names) ?? []
        policy.routes = mapping["routes"]?.list()?.compactMap { traffic.route($0, of: policy) } ?? []
        return policy
    }

    /// A key without a value is refused: an empty `deny:` or `operation:` would let through more than its author meant.
    private func keys(of value: DocumentValue, _ known: [String]) -> DocumentMapping? { value.completeMapping(keys: known) }

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
        return self.operation(operation).map { PolicyRule(peer: named, operation: $0, location: value.location) }
    }

    /// Refused unless a request could ever be it: a rule that never binds would look like one that does.
    private func operation(_ value: DocumentValue) -> String? {
        guard let text = value.text() else { return nil }
        guard OperationPath(operation: text) != nil else {
            value.report(
                "\"\(text)\" is no operation",
                "write what stands behind /internal/v1/<service>/ of a path, such as payout/claim: plain segments")
            return nil
        }
        return text
    }

    private func peer(_ value: DocumentValue) -> PolicyRule.Peer? {
        if value.string() == "*" { return .any }
        return value.isMapping || value.isList ? nil : value.serviceName().map { .service(canonical($0)) }
    }
}
