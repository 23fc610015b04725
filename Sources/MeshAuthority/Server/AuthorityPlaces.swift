internal import MeshAdmin
internal import MeshTLS
internal import MeshTypes
internal import NIOCore
internal import NIOSSL
internal import NIOTLS

/// The connections of the authority's port: those of nodes, and apart from them those that have shown no certificate, so that strangers keep no
/// node out.
final class AuthorityPlaces: Sendable {
    let arrivals = Reception(total: AuthorityBounds.arrivals, perSource: AuthorityBounds.perAddress)
    let nodes = Reception(total: AuthorityBounds.connections, perSource: AuthorityBounds.perNode)

    func arrival() -> ReceptionHandler {
        ReceptionHandler(arrivals, patience: .untilMoved(AuthorityBounds.arrivalTime)) { channel in
            channel.remoteAddress?.ipAddress.flatMap { IPAddress($0) }.map { $0.site.description } ?? "unknown"
        }
    }
}

/// Behind TLS: whoever has shown a certificate in the handshake, which `ServerIdentity` has checked, gets a place among the nodes.
final class GuestHandler: ChannelInboundHandler {
    typealias InboundIn = NIOAny

    private let arrival: ReceptionHandler
    private let places: AuthorityPlaces

    init(_ arrival: ReceptionHandler, _ places: AuthorityPlaces) {
        self.arrival = arrival
        self.places = places
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted = event as? TLSUserEvent, let who = Self.who(context) {
            arrival.move(to: places.nodes, as: who, channel: context.channel)
        }
        context.fireUserInboundEventTriggered(event)
    }

    private static func who(_ context: ChannelHandlerContext) -> String? {
        let certificate = try? context.pipeline.syncOperations.nioSSL_peerCertificate()
        return (certificate ?? nil).flatMap { try? $0.toDERBytes() }.flatMap { try? ChainCheck.read($0) }?.uri
    }
}
