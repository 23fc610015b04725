/// What a service speaks, as its record in the registry says.
package enum ApplicationProtocol: String, Sendable, CaseIterable {
    /// Nothing was declared: the first bytes of each connection tell.
    case auto
    case tcp, http, http2, grpc, postgres, nats

    /// Declared to be HTTP: every request is treated on its own.
    package var isHTTP: Bool {
        switch self {
        case .http, .http2, .grpc: true
        case .auto, .tcp, .postgres, .nats: false
        }
    }

    /// Its connections must be seen by the daemon, since they are HTTP or may turn out to be.
    package var mayBeHTTP: Bool { isHTTP || self == .auto }
}
