internal import MeshConfig

/// Why a record that a node announced is not used.
package enum AnnouncementRefusal: String, Error, Sendable, CaseIterable {
    /// It bears no signature, and `signatures: required` is in force.
    case unsigned
    /// The signature is not of the certificate's key or not over this record, or no authority of this mesh issued the certificate.
    case badSignature = "bad_signature"
    /// A valid signature of somebody who may not say this.
    case wrongIdentity = "wrong_identity"
    /// Its time is over, or has not come: an old record that somebody wrote again, or a clock that is wrong.
    case stale
    /// It cannot be read, or says other things than the place where it lies.
    case malformed

    /// - Parameter place: where the record lies, such as `etcd:/myelin/instances/…`.
    func errors(at place: String) -> DocumentErrors {
        DocumentErrors([DocumentError(file: place, message: "is left out: \(what) [\(rawValue)]", suggestion: advice)])
    }

    private var what: String {
        switch self {
        case .unsigned: "it bears no signature"
        case .badSignature: "its signature is not genuine, or of no authority of this mesh"
        case .wrongIdentity: "it is signed by somebody else than the service"
        case .stale: "its time is over, or has not come"
        case .malformed: "it cannot be read, or says other things than its place"
        }
    }

    private var advice: String {
        switch self {
        case .unsigned: "let a daemon write it; `signatures: accept_unsigned` would use it"
        case .badSignature: "see who writes there, and whether that node's authority is trusted here"
        case .wrongIdentity: "see who writes there: only a node with the service's certificate may announce it"
        case .stale: "see whether its node still writes, and the clocks"
        case .malformed: "see who writes there; `docs/etcd.md` has the form"
        }
    }
}
