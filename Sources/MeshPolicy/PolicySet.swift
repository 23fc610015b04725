package import MeshTypes

/// The policies of one namespace, compiled so that a decision costs a few look-ups, however many rules there are.
///
/// Connections are decided here (R6.1): nothing is permitted by default; `deny` beats `allow`; a service's name in a `deny` list
/// forbids traffic between the two in both directions. Entries with an operation cannot be told apart on a connection: a deny
/// forbids the file's service to call the named one at all (fail closed, this direction only), an allow permits the connection.
package final class PolicySet: Sendable {
    package static let empty = PolicySet([], namespace: "")

    /// As given, at most one for each service.
    package let policies: [ServicePolicy]
    /// The namespace of every name in `policies`; services of other namespaces may neither call nor be called.
    package let namespace: String
    private let compiled: [ServiceName: CompiledPolicy]

    /// Of several policies for one service only the first counts; readers refuse such a set before.
    package init(_ policies: [ServicePolicy], namespace: String) {
        var compiled: [ServiceName: CompiledPolicy] = [:]
        var kept: [ServicePolicy] = []
        for policy in policies where compiled[policy.service] == nil {
            compiled[policy.service] = CompiledPolicy(policy)
            kept.append(policy)
        }
        self.policies = kept
        self.namespace = namespace
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
        guard let rule = caller?.allowCalling(destination.name) else { return PolicyDecision(reason: .notAllowed, rule: nil) }
        return PolicyDecision(reason: .none, rule: rule)
    }

    /// How requests to the service are treated; the defaults for one without a policy.
    package func traffic(to service: ServiceIdentity) -> TrafficRules {
        (service.namespace == namespace ? compiled[service.name]?.traffic : nil) ?? TrafficRules()
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
    /// Entries with an operation: only calls by this service are forbidden, not calls to it.
    private var deniedOutbound = NameTable()
    let mutualTLS: ServicePolicy.MutualTLS
    let traffic: TrafficRules

    init(_ policy: ServicePolicy) {
        mutualTLS = policy.mutualTLS
        traffic = TrafficRules(policy)
        for rule in policy.allow { allowed.insert(rule) }
        for rule in policy.deny {
            if rule.operation == nil { denied.insert(rule) } else { deniedOutbound.insert(rule) }
        }
    }

    func allowCalling(_ name: ServiceName) -> RuleLocation? { allowed[name] }
    func denyCalling(_ name: ServiceName) -> RuleLocation? { denied[name] ?? deniedOutbound[name] }
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
