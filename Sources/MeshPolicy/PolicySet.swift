package import MeshTypes

/// The policies in force.
package final class PolicySet: Sendable {
    package init() {}

    package func decide(source: ServiceIdentity, destination: ServiceIdentity) -> PolicyDecision {
        PolicyDecision(reason: .notAllowed, rule: nil)
    }
}
