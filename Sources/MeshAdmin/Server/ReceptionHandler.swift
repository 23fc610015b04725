internal import MeshSystem
package import NIOCore
internal import NIOPosix

/// The first handler of a connection, before TLS: gives it a place in the server's reception, and little time until it says something.
package final class ReceptionHandler: ChannelInboundHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = ByteBuffer

    /// What is to happen before the time is over.
    package enum Patience: Sendable {
        /// The first bytes come.
        case untilHeard(TimeAmount)
        /// Somebody calls `move`.
        case untilMoved(TimeAmount)
    }

    private let source: @Sendable (any Channel) -> String
    private let patience: Patience
    private var reception: Reception
    private var place = Reception.Place.none
    private var deadline: Scheduled<Void>?

    /// - Parameter source: whose connections are counted together.
    package init(_ reception: Reception, patience: Patience, source: @escaping @Sendable (any Channel) -> String) {
        self.reception = reception
        self.patience = patience
        self.source = source
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        let (channel, reception, patience) = (context.channel, reception, patience)
        let place = reception.enter(channel, from: source(channel))
        self.place = place
        let time =
            switch patience {
            case .untilHeard(let time), .untilMoved(let time): time
            }
        deadline = context.eventLoop.scheduleTask(in: time) {
            switch patience {
            case .untilHeard where !reception.isSilent(place), .untilMoved where !reception.contains(place): return
            case .untilHeard, .untilMoved: channel.close(promise: nil)
            }
        }
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
        reception.leave(place)
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        reception.hear(place)
        context.fireChannelRead(data)
    }

    /// The other end has shown who it is: from here on it has a place among those. On the connection's loop.
    package func move(to other: Reception, as source: String, channel: any Channel) {
        reception.leave(place)
        reception = other
        place = other.enter(channel, from: source)
        other.hear(place)
    }
}

/// Whose a connection is.
package enum ConnectionSource {
    /// The user at the other end of a Unix socket. On the connection's loop.
    package static func user(_ channel: any Channel) -> String {
        let peer = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
            PeerCredentials(socket: $0)
        }
        return (peer ?? nil).map { "\($0.user)" } ?? "unknown"
    }

    /// Everybody together: of a loopback port, whose users the kernel does not name.
    package static func anybody(_ channel: any Channel) -> String { "" }
}
