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

    static func flow(from source: ServiceID, to destination: ServiceID, _ decision: PolicyDecision) -> Verdict {
        guard decision.permitted else { return .refused(decision.reason) }
        return .permitted(Permit(source: source, destination: destination))
    }
}

extension Worker {
    func authorise(from source: ServiceID, to destination: ServiceID, in snapshot: Snapshot) -> Authorise.Verdict {
        Authorise.flow(from: source, to: destination, decision(from: source, to: destination, in: snapshot))
    }

    /// Remembered as long as the snapshot is in force.
    func decision(from source: ServiceID, to destination: ServiceID, in snapshot: Snapshot) -> PolicyDecision {
        let pair = UInt64(source.rawValue) << 32 | UInt64(destination.rawValue)
        if let known = decisions[pair] { return known }
        let decision = snapshot.decide(source: source, destination: destination)
        decisions[pair] = decision
        return decision
    }

    /// Both nodes look at each request of the caller: only some are permitted, or the service wants to know of each who asked.
    func looksIntoRequests(from source: ServiceID, to destination: ServiceID, in snapshot: Snapshot) -> Bool {
        if decision(from: source, to: destination, in: snapshot).operations != nil { return true }
        guard let service = snapshot.service(destination) else { return false }
        return service.traffic.identity.header != .none && service.applicationProtocol.mayBeHTTP
    }

    /// The same, by the rules of this moment.
    func isRestricted(from source: ServiceID, to destination: ServiceID) -> Bool {
        snapshot.map { looksIntoRequests(from: source, to: destination, in: $0) } ?? false
    }

    /// `.none` when the caller may ask for what stands at `target`.
    func verdict(
        from source: ServiceID, to service: SnapshotService, on target: UnsafeRawBufferPointer, in snapshot: Snapshot
    ) -> DenialReason {
        decision(from: source, to: service.id, in: snapshot).operations?.verdict(on: target, of: service.identity.name) ?? .none
    }
}
