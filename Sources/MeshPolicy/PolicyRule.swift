package import MeshTypes

/// One entry of an `allow` or `deny` list (R6.1, R6.2).
package struct PolicyRule: Hashable, Sendable {
    /// Whom an entry names.
    package enum Peer: Hashable, Sendable {
        /// `"*"`: every service.
        case any
        case service(ServiceName)
    }

    package let peer: Peer
    /// Narrows the entry to one operation of the named service (`payout/claim`); nil: the whole service.
    package let operation: String?
    package let location: RuleLocation

    package init(peer: Peer, operation: String? = nil, location: RuleLocation) {
        self.peer = peer
        self.operation = operation
        self.location = location
    }
}
