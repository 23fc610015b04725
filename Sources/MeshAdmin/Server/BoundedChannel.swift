internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore

/// HTTP/1.1 whose connections have their place in a reception.
struct BoundedChannel: ServerChildChannel {
    let base: HTTP1Channel
    let reception: Reception
    let source: @Sendable (any Channel) -> String

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        let (reception, source) = (reception, source)
        return channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(
                ReceptionHandler(reception, patience: .untilHeard(ServerBounds.silence), source: source))
        }.flatMap { base.setup(channel: channel, logger: logger) }
    }

    func handle(value: HTTP1Channel.Value, logger: Logger) async { await base.handle(value: value, logger: logger) }
}
