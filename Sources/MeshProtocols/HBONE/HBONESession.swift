internal import CNGHTTP2
package import MeshTypes

/// One HTTP/2 connection that carries tunnels (HBONE): plaintext of the TLS session goes in and comes out.
package final class HBONESession: MultiplexedSession {
    private let tunnels: UnsafeMutablePointer<TunnelMessages>

    /// - Parameters:
    ///   - owner: handed to every handler; must outlive the session.
    ///   - now: nanoseconds of a monotonic clock.
    package init(
        role: Role, limits: HBONELimits = HBONELimits(), owner: UnsafeMutableRawPointer, handlers: any HBONEHandlers.Type,
        now: UInt64
    ) {
        tunnels = .allocate(capacity: 1)
        tunnels.initialize(to: TunnelMessages(handlers: handlers))
        super.init(role, limits, owner: owner, handlers: handlers, dialect: TunnelDialect.self, messages: tunnels, now: now)
    }

    deinit {
        tunnels.deinitialize(count: 1)
        tunnels.deallocate()
    }

    /// Client: asks for a tunnel. Nothing is pulled for it before the owner's `pull` gives something.
    /// - Returns: nil at the peer's or our limit of streams, or when draining.
    package func openStream(_ request: borrowing ConnectRequest, token: UInt64) -> StreamID? {
        precondition(token != 0)
        return state.pointee.canOpen ? state.pointee.open(request, token: token) : nil
    }

    /// Server: answers 200; from now on the stream is pulled.
    package func accept(_ stream: StreamID) { state.pointee.accept(stream) }

    /// Server: answers `status` with `x-myelin-reason` and ends the stream. Final for the stream.
    package func refuse(_ stream: StreamID, status: Int, reason: DenialReason) {
        state.pointee.refuse(stream, status: status, reason: reason)
    }
}
