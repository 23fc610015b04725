internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOSSL

/// HTTP/1.1 inside TLS 1.3 whose certificate may change between two connections.
struct GuardedChannel<Base: HTTPChannelHandler>: ServerChildChannel {
    let base: Base
    let identity: ServerIdentity
    let places: AuthorityPlaces

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Base.Value> {
        let (identity, places) = (identity, places)
        return channel.eventLoop.makeCompletedFuture {
            let arrival = places.arrival()
            try channel.pipeline.syncOperations.addHandler(arrival)
            try channel.pipeline.syncOperations.addHandler(
                NIOSSLServerHandler(
                    context: identity.tls,
                    customVerificationCallback: { chain, promise in
                        promise.succeed(identity.verify(chain) ? .certificateVerified : .failed)
                    }, configuration: .init()))
            try channel.pipeline.syncOperations.addHandler(GuestHandler(arrival, places))
        }.flatMap { base.setup(channel: channel, logger: logger) }
    }

    func handle(value: Base.Value, logger: Logger) async { await base.handle(value: value, logger: logger) }
}
