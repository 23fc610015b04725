package import MeshTypes

/// Why a certificate authority cannot serve.
package typealias AuthorityFailure = Failure<AuthorityFailureCode>

/// Stable codes of `AuthorityFailure`.
package enum AuthorityFailureCode: String, Sendable, CaseIterable {
    /// The directory cannot be read or written: full disk, missing rights, not a directory.
    case storage
    /// Others could read the key.
    case permissions
    /// Files are missing, damaged or do not belong together.
    case damaged
    /// It is the authority of another trust domain.
    case trustDomain = "trust_domain"
    /// Its own certificate is not valid now.
    case validity
    /// The request is not one that it may sign.
    case request
    /// An authority elsewhere does not answer.
    case unreachable
    /// The registry does not place the service on the node that asks for it.
    case notPlaced = "not_placed"
    /// A join token that is unknown, used, expired or another node's.
    case token
    /// The node, or its certificate, was revoked.
    case revoked
    /// No certificate of a node, where one is needed.
    case notANode = "not_a_node"
    /// Asked too often.
    case tooManyRequests = "too_many_requests"
    /// A step of a change of root that would cut nodes off.
    case tooEarly = "too_early"
    /// A bound of the authority's directory is reached.
    case full
    /// What it gave before may not be used any more.
    case withdrawn
}
