package import MeshTypes

/// Whom the authority names in a certificate. Names come from here alone, never from a request.
package enum CertificateSubject: Sendable, Hashable {
    case service(SPIFFEID)
    case node(NodeIdentity)
    /// The authority's own servers.
    case authority(trustDomain: String)

    package var trustDomain: String {
        switch self {
        case .service(let identity): identity.trustDomain
        case .node(let identity): identity.trustDomain
        case .authority(let trustDomain): trustDomain
        }
    }

    package var uri: String {
        switch self {
        case .service(let identity): identity.description
        case .node(let identity): identity.description
        case .authority(let trustDomain): AuthorityIdentity.uri(trustDomain: trustDomain)
        }
    }

    /// nil for nodes: nobody connects to a node by its certificate.
    var dnsName: String? {
        switch self {
        case .service(let identity): identity.service.serverName
        case .node: nil
        case .authority: AuthorityIdentity.serverName
        }
    }

    /// RFC 5280 appendix A (ub-common-name): 64 characters; what is longer still stands in the URI.
    var commonName: String {
        let name =
            switch self {
            case .service(let identity): identity.service.name.label
            case .node(let identity): identity.name
            case .authority: "myelin authority"
            }
        return String(name.prefix(CertificateProfile.commonNameLimit))
    }
}
