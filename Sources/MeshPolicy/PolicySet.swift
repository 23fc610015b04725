package import MeshTypes

/// The policies of one namespace, compiled so that a decision costs a few look-ups, however many rules there are.
///
/// Connections are decided here (R6.1): nothing is permitted by default; `deny` beats `allow`; a service's name in a `deny` list
/// forbids traffic between the two in both directions. Entries with an operation permit the connection and say which requests it may carry;
/// who cannot tell requests apart must refuse it (`Snapshot.decide` does).
package final class PolicySet: Sendable {
    package static let empty = PolicySet([], namespace: "")

    /// As given, at most one for each service.
    package let policies: [ServicePolicy]
    /// The namespace of every name in `policies`; services of other namespaces may neither call nor be called.
    package let namespace: String
    private let aliases: ServiceAliases
    private let compiled: [ServiceName: CompiledPolicy]

    /// Of several policies for one service only the first counts; readers refuse such a set before.
    ///
    /// - Parameter aliases: names by which requests' paths may call services beside their own.
    package init(_ policies: [ServicePolicy], namespace: String, aliases: ServiceAliases = .none) {
        var compiled: [ServiceName: CompiledPolicy] = [:]
        var kept: [ServicePolicy] = []
        for policy in policies where compiled[policy.service] == nil {
            compiled[policy.service] = CompiledPolicy(policy)
            kept.append(policy)
        }
        self.policies = kept
        self.namespace = namespace
        self.aliases = aliases
        self.compiled = compiled
    }

    /// May `source` open a connection to `destination`.
    ///
    /// - Returns: the deciding rule; with several denies the source's own comes first, and a name before `"*"`.
    package func decide(source: ServiceIdentity, destination: ServiceIdentity) -> PolicyDecision {
        guard source.namespace == namespace, destination.namespace == namespace else {
            return PolicyDecision(reason: .notAllowed, rule: nil)
        }
        let caller = compiled[source.name]
        if let rule = caller?.denyCalling(destination.name) ?? compiled[destination.name]?.denyCalls(from: source.name) {
            return PolicyDecision(reason: .denied, rule: rule)
        }
        let operations = caller?.operations(of: destination.name, aliases)
        guard let rule = caller?.allowCalling(destination.name) ?? (operations?.allowed == nil ? nil : operations?.rule) else {
            return PolicyDecision(reason: .notAllowed, rule: nil)
        }
        return PolicyDecision(reason: .none, rule: rule, operations: operations)
    }

    /// How requests to the service are treated; the defaults for one without a policy.
    package func traffic(to service: ServiceIdentity) -> TrafficRules {
        (service.namespace == namespace ? compiled[service.name]?.traffic : nil) ?? TrafficRules()
    }

    /// The names outside the mesh that the service may ask for; none for one without a policy.
    package func foreignNames(of service: ServiceIdentity) -> [ForeignName] {
        (service.namespace == namespace ? compiled[service.name]?.foreignNames : nil) ?? []
    }

    /// True when plaintext may reach the service's ports (`mTLS: permissive`).
    package func isPermissive(_ service: ServiceIdentity) -> Bool {
        service.namespace == namespace && compiled[service.name]?.mutualTLS == .permissive
    }
}

/// One file's lists as look-up tables; of several entries for one name the first is remembered.
private struct CompiledPolicy: Sendable {
    private var allowed = NameTable()
    private var denied = NameTable()
    /// Entries with an operation: they concern calls by this service, not calls to it.
    private let narrowed: [PolicyRule]
    private let narrowedDenials: [PolicyRule]
    let mutualTLS: ServicePolicy.MutualTLS
    let traffic: TrafficRules
    let foreignNames: [ForeignName]

    init(_ policy: ServicePolicy) {
        mutualTLS = policy.mutualTLS
        traffic = TrafficRules(policy)
        foreignNames = policy.foreignNames
        narrowed = policy.allow.filter { $0.operation != nil }
        narrowedDenials = policy.deny.filter { $0.operation != nil }
        for rule in policy.allow where rule.operation == nil { allowed.insert(rule) }
        for rule in policy.deny where rule.operation == nil { denied.insert(rule) }
    }

    /// nil when all requests to the service are treated alike.
    func operations(of name: ServiceName, _ aliases: ServiceAliases) -> OperationRules? {
        func named(_ rules: [PolicyRule]) -> [PolicyRule] { rules.filter { $0.peer == .any || $0.peer == .service(name) } }
        let (allows, denials) = (named(narrowed), named(narrowedDenials))
        let isWhole = allowed[name] != nil
        guard isWhole || !allows.isEmpty, let first = denials.first ?? (isWhole ? nil : allows.first) else { return nil }
        return OperationRules(
            allowed: isWhole ? nil : Set(allows.compactMap(\.operation)), denied: Set(denials.compactMap(\.operation)), aliases: aliases,
            rule: first.location)
    }

    func allowCalling(_ name: ServiceName) -> RuleLocation? { allowed[name] }
    func denyCalling(_ name: ServiceName) -> RuleLocation? { denied[name] }
    func denyCalls(from name: ServiceName) -> RuleLocation? { denied[name] }
}

private struct NameTable: Sendable {
    private var names: [ServiceName: RuleLocation] = [:]
    private var any: RuleLocation?

    mutating func insert(_ rule: PolicyRule) {
        switch rule.peer {
        case .any: any = any ?? rule.location
        case .service(let name): if names[name] == nil { names[name] = rule.location }
        }
    }

    subscript(name: ServiceName) -> RuleLocation? { names[name] ?? any }
}
