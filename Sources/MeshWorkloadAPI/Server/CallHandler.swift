internal import NIOCore
internal import NIOHPACK
internal import NIOHTTP2

/// One stream of a connection: reads the request, has the desk answer it, and tells it when the caller has gone.
final class CallHandler: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    private enum State {
        case awaitsHead
        case reads(WorkloadMethod)
        case answered
    }

    private let desk: CallDesk
    private let caller: Caller
    private let options: WorkloadAPIOptions
    private var state = State.awaitsHead
    private var frames: GRPCFrames
    private var requests = 0
    private var timeout: Scheduled<Void>?

    init(desk: CallDesk, caller: Caller, options: WorkloadAPIOptions) {
        self.desk = desk
        self.caller = caller
        self.options = options
        frames = GRPCFrames(limit: options.requestBytes)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        timeout = context.eventLoop.scheduleTask(in: .nanoseconds(Int64(options.requestTime / .nanoseconds(1)))) {
            channel.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        timeout?.cancel()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .headers(let head):
            if case .awaitsHead = state { read(head.headers, context.channel) }
            if head.endStream { ended(context.channel) }
        case .data(let data):
            guard case .byteBuffer(let buffer) = data.data else { return }
            if case .reads(let method) = state { read(buffer, method, context.channel) }
            if data.endStream { ended(context.channel) }
        default: break
        }
    }

    private func read(_ headers: HPACKHeaders, _ channel: any Channel) {
        switch CallHead.read(headers) {
        case .call(let method): state = .reads(method)
        case .refused(let status, let method): refuse(status, method, channel)
        case .notGRPC(let status):
            state = .answered
            timeout?.cancel()
            desk.tally.count(nil, .unknown)
            CallSink(channel).finish(httpStatus: status)
        }
    }

    private func read(_ buffer: ByteBuffer, _ method: WorkloadMethod, _ channel: any Channel) {
        frames.append(buffer.readableBytesView)
        do throws(GRPCStatus) {
            while try frames.next() != nil { requests += 1 }
        } catch { return refuse(error, method, channel) }
        if requests > 1 { refuse(GRPCStatus(.invalidArgument, "one request is expected"), method, channel) }
    }

    private func ended(_ channel: any Channel) {
        guard case .reads(let method) = state else { return }
        guard requests == 1, frames.isEmpty else {
            return refuse(GRPCStatus(.invalidArgument, "the request is not one whole message"), method, channel)
        }
        state = .answered
        timeout?.cancel()
        let (desk, caller, closing) = (desk, caller, channel.closeFuture)
        Task {
            await desk.answer(method, of: caller, into: CallSink(channel)) { gone in closing.whenComplete { _ in gone() } }
        }
    }

    private func refuse(_ status: GRPCStatus, _ method: WorkloadMethod?, _ channel: any Channel) {
        state = .answered
        timeout?.cancel()
        desk.tally.count(method, status.code)
        CallSink(channel).finish(status)
    }

    /// A broken stream ends; others of the connection go on.
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
