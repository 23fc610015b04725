internal import NIOCore
internal import NIOHPACK
internal import NIOHTTP2
internal import NIOPosix

/// One call of `FetchX509SVID` to an agent: a connection of its own with one stream.
package enum AgentCall {
    /// Bytes: what gRPC takes unless told otherwise.
    static let messageLimit = 4 << 20
    private static let connectTime = TimeAmount.seconds(5)

    /// The messages as they come; a reader that is slow gets the newest, which holds everything. Throws `GRPCStatus`.
    package static func messages(socket: String) -> AsyncThrowingStream<[UInt8], any Error> {
        AsyncThrowingStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
            let connecting = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connectTimeout(connectTime)
                .channelInitializer { channel in
                    channel.configureHTTP2Pipeline(
                        mode: .client, connectionConfiguration: .init(), streamConfiguration: .init()
                    ) { pushed in pushed.close() }.map { _ in }
                }
                .connect(unixDomainSocketPath: socket)
            connecting.flatMap { channel in call(on: channel, continuation) }.whenFailure {
                continuation.finish(throwing: GRPCStatus(.unavailable, "\($0)"))
            }
            continuation.onTermination = { _ in connecting.whenSuccess { $0.close(promise: nil) } }
        }
    }

    private static func call(
        on channel: any Channel, _ continuation: AsyncThrowingStream<[UInt8], any Error>.Continuation
    ) -> EventLoopFuture<Void> {
        // Also when the connection breaks before the stream is there.
        channel.closeFuture.whenComplete { _ in
            continuation.finish(throwing: GRPCStatus(.unavailable, "the agent closed the connection"))
        }
        return channel.pipeline.handler(type: NIOHTTP2Handler.self).flatMap(\.multiplexer).flatMap { multiplexer in
            let promise = channel.eventLoop.makePromise(of: (any Channel).self)
            multiplexer.createStreamChannel(promise: promise) { stream in
                stream.eventLoop.makeCompletedFuture {
                    try stream.pipeline.syncOperations.addHandler(AgentStreamHandler(continuation))
                }
            }
            return promise.futureResult.map { _ in }
        }
    }
}

/// Sends the request and reads the answer's messages and status.
final class AgentStreamHandler: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    private let continuation: AsyncThrowingStream<[UInt8], any Error>.Continuation
    private var frames = GRPCFrames(limit: AgentCall.messageLimit)

    init(_ continuation: AsyncThrowingStream<[UInt8], any Error>.Continuation) { self.continuation = continuation }

    func channelActive(context: ChannelHandlerContext) {
        let headers: HPACKHeaders = [
            ":method": "POST", ":scheme": "http", ":path": WorkloadMethod.fetchX509SVID.path, ":authority": "localhost",
            "te": "trailers", "content-type": "application/grpc", "user-agent": "myelind", SecurityHeader.name: SecurityHeader.value,
        ]
        context.write(wrapOutboundOut(.headers(.init(headers: headers))), promise: nil)
        let request = ByteBuffer(bytes: GRPCFrames.framed([]))
        context.writeAndFlush(wrapOutboundOut(.data(.init(data: .byteBuffer(request), endStream: true))), promise: nil)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .headers(let head): read(head.headers)
        case .data(let data):
            guard case .byteBuffer(let buffer) = data.data else { return }
            frames.append(buffer.readableBytesView)
            do throws(GRPCStatus) {
                while let message = try frames.next() { continuation.yield(message) }
            } catch { continuation.finish(throwing: error) }
        default: break
        }
    }

    /// The head of an answer, its trailers, or both in one.
    private func read(_ headers: HPACKHeaders) {
        if let status = headers.first(name: "grpc-status") {
            continuation.finish(throwing: GRPCStatus(trailers: (status, headers.first(name: "grpc-message"))))
        } else if let status = headers.first(name: ":status"), status != "200" {
            continuation.finish(throwing: GRPCStatus(.unavailable, "the socket answers with HTTP \(status): it is no Workload API"))
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        continuation.finish(throwing: GRPCStatus(.unavailable, "the agent ended the stream"))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        continuation.finish(throwing: GRPCStatus(.unavailable, "\(error)"))
        context.close(promise: nil)
    }
}
