package import MeshTypes

extension DenialReason {
    /// What the callee's node answers to a stream that it refuses: 401 denied, 400 malformed, 503 unreachable. An address that is no endpoint here is
    /// unreachable: the two nodes' registries may differ for a moment.
    package var tunnelStatus: Int {
        switch self {
        case .notAllowed, .denied, .peerIdentity, .peerUnverified, .certificateExpired, .unknownWorkload: 401
        case .malformedRequest: 400
        default: 503
        }
    }
}
