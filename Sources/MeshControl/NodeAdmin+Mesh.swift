internal import MeshAdmin
internal import MeshBalancing
internal import MeshPolicy
internal import MeshRegistry
internal import MeshSnapshot
internal import MeshTypes

/// Views of the mesh as this node sees it.
extension NodeAdmin {
    func services() async -> [ServiceView] {
        let snapshot = await parts.reconciler.snapshot
        let registry = await parts.reconciler.registry
        return registry.services.compactMap { record in
            let service = snapshot.identifier(record.identity).flatMap(snapshot.service)
            let load = service.flatMap { parts.dataPlane.load(of: $0.id) }
            return ServiceView(
                service: "\(record.identity.name)", namespace: record.identity.namespace, port: record.port,
                applicationProtocol: record.applicationProtocol.rawValue,
                virtualAddresses: service?.virtualAddresses.map(\.description) ?? [], endpoints: record.endpoints.count,
                localEndpoints: record.endpoints.count { $0.locality.node == configuration.node.name },
                breaker: (load?.service ?? .closed).rawValue)
        }
    }

    func endpoints() async -> [EndpointView] {
        let snapshot = await parts.reconciler.snapshot
        let carried = await parts.dataPlane.connections().filter { $0.record.reporter == .source }
        let flows = Dictionary(grouping: carried, by: \.record.endpoint).mapValues(\.count)
        let checked = Dictionary(parts.dataPlane.health.map { ($0.address, $0) }) { first, _ in first }
        return snapshot.allServices.sorted { $0.identity < $1.identity }.flatMap { service in
            let known = Dictionary(
                parts.dataPlane.load(of: service.id)?.endpoints.map { ($0.address, $0) } ?? []
            ) { first, _ in first }
            return service.endpoints.map { endpoint in
                let health = Self.health(of: endpoint, service, checked[endpoint.address], known[endpoint.address])
                return EndpointView(
                    service: "\(service.identity.name)", namespace: service.identity.namespace, address: endpoint.address.description,
                    node: endpoint.locality.node, zone: endpoint.locality.zone, version: endpoint.version,
                    distance: "\(snapshot.node.locality.distance(to: endpoint.locality))", tunnel: endpoint.tunnel.description,
                    flows: flows[endpoint.address] ?? 0, weight: endpoint.weight,
                    state: (known[endpoint.address]?.state ?? .closed).rawValue, outstanding: known[endpoint.address]?.outstanding ?? 0,
                    latencyMilliseconds: known[endpoint.address].map { $0.latency / .milliseconds(1) } ?? 0, health: health)
            }
        }
    }

    func policies() async -> [PolicyView] {
        let registry = await parts.reconciler.registry
        let set = await parts.reconciler.policy
        return set.policies.sorted { $0.service < $1.service }.map { policy in
            let mayBeHTTP = registry.mayBeHTTP(ServiceIdentity(namespace: set.namespace, name: policy.service))
            return PolicyView(
                service: "\(policy.service)", allow: policy.allow.map(Self.text), deny: policy.deny.map(Self.text),
                mtls: policy.mutualTLS.rawValue, file: policy.location.file,
                notEnforced: policy.notEnforced(mayBeHTTP: mayBeHTTP, sharesLimits: configuration.limits.redis != nil))
        }
    }

    private static func text(_ rule: PolicyRule) -> String {
        let peer =
            switch rule.peer {
            case .any: "*"
            case .service(let name): "\(name)"
            }
        return rule.operation.map { "\(peer):\($0)" } ?? peer
    }

    func connections() async -> [ConnectionView] {
        await parts.dataPlane.connections().map { live in
            let record = live.record
            func name(_ id: ServiceID) -> String { parts.numbers.identity(of: id)?.description ?? "unknown" }
            return ConnectionView(
                reporter: "\(record.reporter)", source: name(record.source), sourceAddress: record.sourceAddress.description,
                destination: name(record.destination), destinationAddress: record.destinationAddress.description,
                endpoint: record.endpoint.port == 0 ? "" : record.endpoint.description, path: "\(record.path)", stage: live.stage,
                identityVerified: record.identityVerified, bytesSent: record.sent, bytesReceived: record.received,
                ageSeconds: Double(live.age.components.seconds) + Double(live.age.components.attoseconds) / 1e18, worker: live.worker)
        }
    }

    func explain(source: String, destination: String, operation: String?) async -> ExplainView? {
        let snapshot = await parts.reconciler.snapshot
        guard let from = identity(source), let to = identity(destination), let fromID = snapshot.identifier(from),
            let toID = snapshot.identifier(to)
        else { return nil }
        let decision = snapshot.decide(source: fromID, destination: toID)
        if let operation, decision.permitted { return Self.explanation(operation, decision.operations, decision.rule, from, to) }
        return ExplainView(
            source: from.description, destination: to.description, permitted: decision.permitted, reason: decision.reason.code,
            rule: decision.rule?.description, text: Self.explanation(decision, from, to))
    }

    /// One operation, or a path as a caller would write it, between two services that may talk.
    private static func explanation(
        _ asked: String, _ rules: OperationRules?, _ allowed: RuleLocation?, _ from: ServiceIdentity, _ to: ServiceIdentity
    ) -> ExplainView {
        let path = asked.hasPrefix("/") ? asked : "/internal/v1/\(to.name)/\(asked)"
        let reason = Array(path.utf8).withUnsafeBytes { rules?.verdict(on: $0, of: to.name) } ?? .none
        let rule = (reason == .none ? allowed : rules?.rule).map(\.description) ?? ""
        let text =
            switch reason {
            case .none: "\(from) may ask \(to) for \(path): allowed at \(rule)\(narrowed(rules))"
            case .denied:
                "\(from) may not ask \(to) for \(path): a server might take it for an operation that is denied at \(rule)\(narrowed(rules))"
            default: "\(from) may not ask \(to) for \(path): it is none of the operations that are allowed at \(rule)\(narrowed(rules))"
            }
        return ExplainView(
            source: from.description, destination: to.description, permitted: reason == .none, reason: reason.code, rule: rule, text: text)
    }

    private func identity(_ text: String) -> ServiceIdentity? {
        let parts = text.split(separator: "/", maxSplits: 1)
        let namespace = parts.count == 2 ? String(parts[0]) : configuration.namespace
        guard let last = parts.last, let name = ServiceName(last) else { return nil }
        return ServiceIdentity(namespace: namespace, name: configuration.aliases[name] ?? name)
    }

    private static func narrowed(_ operations: OperationRules?) -> String {
        guard let operations else { return "" }
        let allowed = operations.allowed.map { ", only \($0.sorted().joined(separator: ", "))" } ?? ""
        return allowed + (operations.denied.isEmpty ? "" : ", not \(operations.denied.sorted().joined(separator: ", "))")
    }

    private static func explanation(_ decision: PolicyDecision, _ from: ServiceIdentity, _ to: ServiceIdentity) -> String {
        switch (decision.reason, decision.rule) {
        case (.none, let rule?): "\(from) may call \(to): allowed at \(rule)\(narrowed(decision.operations))"
        case (.denied, let rule?): "\(from) may not call \(to): denied at \(rule); deny beats allow and holds in both directions"
        case (.notAllowed, _): "\(from) may not call \(to): no `allow` of \(from)'s policy names it, and what is not allowed is refused"
        default: "\(from) may not call \(to): \(decision.reason.code)"
        }
    }
}
