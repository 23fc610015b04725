internal import MeshPolicy
internal import MeshTypes

/// Who may be the endpoint at an address, of all who say that they are. A machine without knowledge of sources.
///
/// Whatever an operator declared, or this node knows of itself, stands before what nodes announced: a node with one service's key can announce
/// any address. Between two announcing nodes counts which one an operator places at the address, then which one was there before. Of two
/// that came at once neither is used: one of them lies, and nobody can tell which.
struct EndpointClaims: Sendable {
    struct Claim: Sendable {
        let endpoint: Endpoint
        let service: ServiceIdentity
        /// Where the service stands in the state that is made.
        let place: Int
        let source: SourceName
        let location: RuleLocation
        /// The node that announced it; nil for what was declared.
        let announcer: String?
        /// An operator's record says that the announcing node has this address.
        let isAtHome: Bool
        var isDraining: Bool
        fileprivate(set) var standing = Standing.holds

        /// The node that it is on, as far as somebody says.
        fileprivate var speaker: String? { announcer ?? (endpoint.locality.node.isEmpty ? nil : endpoint.locality.node) }
    }

    enum Standing: Sendable { case holds, beaten, disputed }

    enum Outcome {
        case entered
        /// It is the one that is known already.
        case known
        /// - loser: whose claim does not count.
        case beaten(loser: Claim, by: Claim)
        case disputed(with: Claim)
    }

    private var claims: [Claim] = []
    private var holders: [SocketAddress: Int] = [:]

    mutating func reserve(_ count: Int) {
        claims.reserveCapacity(count)
        holders.reserveCapacity(count)
    }

    /// - Parameter before: the claims that were judged last time.
    mutating func enter(_ claim: Claim, before: EndpointClaims?) -> Outcome {
        let address = claim.endpoint.address
        guard let index = holders[address] else {
            holders[address] = claims.count
            claims.append(claim)
            return .entered
        }
        let first = claims[index]
        if Self.areOne(first, claim) {
            if claim.isDraining { claims[index].isDraining = true }
            return .known
        }
        switch Self.preferred(first, claim, before) {
        case .first: return .beaten(loser: claim, by: first)
        case .second:
            claims[index].standing = .beaten
            holders[address] = claims.count
            claims.append(claim)
            return .beaten(loser: first, by: claim)
        case .neither:
            claims[index].standing = .disputed
            return .disputed(with: first)
        }
    }

    /// Those that count, in the order in which they were made.
    func forEachHolder(_ body: (Claim) -> Void) {
        for claim in claims where claim.standing == .holds { body(claim) }
    }

    /// Two sources speak of one and the same endpoint.
    private static func areOne(_ first: Claim, _ second: Claim) -> Bool {
        guard first.service == second.service, first.source != second.source else { return false }
        if first.announcer == nil, second.announcer == nil { return true }
        guard let one = first.speaker, let other = second.speaker else { return true }
        return one == other
    }

    private enum Preference { case first, second, neither }

    private static func preferred(_ first: Claim, _ second: Claim, _ before: EndpointClaims?) -> Preference {
        // Sources come in the operator's order.
        guard first.announcer != nil else { return .first }
        guard second.announcer != nil else { return .second }
        // One node may contradict itself; then it is its own affair.
        if first.announcer == second.announcer { return .first }
        if first.isAtHome != second.isAtHome { return first.isAtHome ? .first : .second }
        guard let before else { return .neither }
        if before.held(first) { return .first }
        return before.held(second) ? .second : .neither
    }

    private func held(_ claim: Claim) -> Bool {
        guard let index = holders[claim.endpoint.address] else { return false }
        let known = claims[index]
        return known.standing == .holds && known.service == claim.service && known.announcer == claim.announcer
    }
}
