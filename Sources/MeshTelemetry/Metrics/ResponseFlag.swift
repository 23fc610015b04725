internal import MeshTypes

extension DenialReason {
    /// What Istio's `response_flags` calls it (Envoy's access log, `%RESPONSE_FLAGS%`), so that its dashboards and queries work; `-` for what has no
    /// flag there. `myelin_denials_total` has the reason itself.
    var responseFlag: String {
        switch self {
        case .noEndpoint: "UH"
        case .endpointRefused, .wrongListener, .tunnelFailed, .peerUnverified, .peerIdentity, .notAnEndpoint, .noCertificate: "UF"
        case .circuitOpen, .queueFull, .overloaded, .shareExhausted: "UO"
        case .rateLimited: "RL"
        case .deadlineExceeded, .endpointTimeout: "UT"
        case .idleTimeout: "SI"
        case .endpointClosed: "UC"
        case .reset: "DC"
        case .badRequest: "DPE"
        case .badResponse: "UPE"
        case .notAllowed, .denied, .unknownWorkload: "UAEX"
        case .injectedFault: "FI"
        default: "-"
        }
    }
}
