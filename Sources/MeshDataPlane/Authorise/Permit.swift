internal import MeshPolicy
internal import MeshSnapshot
internal import MeshTypes

/// Proof that policy allows a flow. Only the authorising stage makes one; nothing is connected or delivered without it.
struct Permit: BitwiseCopyable {
    let source: ServiceID
    let destination: ServiceID

    fileprivate init(source: ServiceID, destination: ServiceID) {
        self.source = source
        self.destination = destination
    }
}

/// Connection-level policy, at the source and again at the destination (R6.4).
enum Authorise {
    enum Verdict {
        case permitted(Permit)
        case refused(DenialReason)
    }

    static func flow(from source: ServiceID, to destination: ServiceID, in snapshot: Snapshot) -> Verdict {
        let decision = snapshot.decide(source: source, destination: destination)
        guard decision.permitted else { return .refused(decision.reason) }
        return .permitted(Permit(source: source, destination: destination))
    }
}
