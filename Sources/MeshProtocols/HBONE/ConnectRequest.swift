package import MeshTypes

/// What a CONNECT asks for. Everything but the authority is the peer's word only: identity comes from its certificate.
package struct ConnectRequest: Sendable, Equatable {
    /// The endpoint (`:authority`).
    package var authority: SocketAddress
    /// The calling service (`baggage`: `k8s.namespace.name`, `service.name`, as Istio names them).
    package var source: ServiceIdentity?
    /// The caller's address before capture, and the node that forwards it (`forwarded`, RFC 7239).
    package var forwardedFor: SocketAddress?
    package var forwardedBy: SocketAddress?
    package var traceParent: TraceParent?

    package init(
        authority: SocketAddress, source: ServiceIdentity? = nil, forwardedFor: SocketAddress? = nil,
        forwardedBy: SocketAddress? = nil, traceParent: TraceParent? = nil
    ) {
        self.authority = authority
        self.source = source
        self.forwardedFor = forwardedFor
        self.forwardedBy = forwardedBy
        self.traceParent = traceParent
    }
}
