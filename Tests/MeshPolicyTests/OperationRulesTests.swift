import MeshPolicy
import MeshTypes
import Testing

/// Single operations of a service, permitted and forbidden (R6.2).
struct OperationRulesTests {
    private let wallet = ServiceName("wallet")!
    private let place = RuleLocation(file: "a.yaml", line: 1, column: 1)

    private func verdict(_ rules: OperationRules, _ target: String) -> DenialReason {
        Array(target.utf8).withUnsafeBytes { rules.verdict(on: $0, of: wallet) }
    }

    @Test(arguments: [
        ("/internal/v1/wallet/payout/claim", DenialReason.denied), ("/internal/v1/wallet/payout/claim?x=1", .denied),
        ("/internal/v1/wallet/payout/claim/", .denied), ("/internal/v1/wallet/payout/claim/all", .denied),
        ("/internal/v1/wallet/payout/claims", .none), ("/internal/v1/wallet/payout", .none), ("/health", .none), ("/", .none), ("", .none),
        ("/internal/v1/router/payout/claim", .none), ("*", .none),
        // What a server might read as the operation is refused.
        ("/internal/v1/wallet/payout/%63laim", .denied), ("/internal/v1/wallet//payout/claim", .denied),
        ("//internal/v1/wallet/payout/claim", .denied), ("/x/../internal/v1/wallet/payout/claim", .denied),
        ("/internal/v1/./wallet/payout/claim", .denied), ("/internal\\v1/wallet/payout/claim", .denied),
        ("/internal/v1/wallet/payout;a=b/claim", .denied), ("/internal/v1/wallet/payout/claim/..", .denied),
    ])
    func aDeniedOperationIsRefusedInEveryForm(target: String, expected: DenialReason) {
        let rules = OperationRules(allowed: nil, denied: ["payout/claim"], rule: place)
        #expect(verdict(rules, target) == expected)
    }

    @Test(arguments: [
        ("/internal/v1/wallet/balance", DenialReason.none), ("/internal/v1/wallet/balance?of=me", .none),
        ("/internal/v1/wallet/balance/", .notAllowed), ("/internal/v1/wallet/balance/all", .notAllowed),
        ("/internal/v1/wallet/payout/claim", .notAllowed), ("/health", .notAllowed), ("/", .notAllowed), ("", .notAllowed),
        ("/internal/v1/wallet/%62alance", .notAllowed),
    ])
    func onlyTheAllowedOperationsMayBeAskedFor(target: String, expected: DenialReason) {
        let rules = OperationRules(allowed: ["balance"], denied: [], rule: place)
        #expect(verdict(rules, target) == expected)
    }

    private func set(allow: [PolicyRule], deny: [PolicyRule]) -> PolicyDecision {
        var policy = ServicePolicy(service: ServiceName("agent")!, location: place)
        policy.allow = allow
        policy.deny = deny
        func identity(_ name: String) -> ServiceIdentity { ServiceIdentity(namespace: "default", name: ServiceName(name)!) }
        return PolicySet([policy], namespace: "default").decide(source: identity("agent"), destination: identity("wallet"))
    }

    private func rule(_ operation: String? = nil, any: Bool = false) -> PolicyRule {
        PolicyRule(peer: any ? .any : .service(wallet), operation: operation, location: place)
    }

    @Test func whichRulesMakeAConnectionNarrow() {
        #expect(set(allow: [rule()], deny: []).operations == nil)
        #expect(set(allow: [rule(), rule("a")], deny: []).operations == nil, "all of it is allowed anyway")
        #expect(set(allow: [rule("a"), rule("b")], deny: []).operations?.allowed == ["a", "b"])
        #expect(set(allow: [rule("a", any: true), rule("b")], deny: []).operations?.allowed == ["a", "b"])
        #expect(set(allow: [rule()], deny: [rule("a")]).operations?.denied == ["a"])
        #expect(set(allow: [rule("a")], deny: [rule("a/b")]).operations?.denied == ["a/b"])
        #expect(set(allow: [], deny: [rule("a")]).reason == .notAllowed)
        #expect(set(allow: [rule("a")], deny: [rule()]).reason == .denied)
    }
}
