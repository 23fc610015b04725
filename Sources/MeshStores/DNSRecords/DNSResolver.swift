internal import MeshProtocols
internal import MeshTypes
internal import NIOCore
internal import NIOPosix

/// Asks one resolver: over UDP, and over TCP if the answer does not fit. Each question has a socket, and so a port, of its own.
struct DNSResolver {
    private static let timeout = TimeAmount.seconds(2)
    private static let attempts = 2
    /// Octets that pass every network without fragments (DNS flag day 2020).
    private static let payload: UInt16 = 1232

    let server: MeshTypes.SocketAddress

    func ask(_ question: DNSQuestion) async throws(StoreError) -> DNSMessage {
        var failure = StoreError.unreachable("it was not asked")
        for _ in 0..<Self.attempts {
            do throws(StoreError) {
                let message = try await exchange(question, overTCP: false)
                return message.header.isTruncated ? try await exchange(question, overTCP: true) : message
            } catch {
                guard case .unreachable = error, !Task.isCancelled else { throw error }
                failure = error
            }
        }
        throw failure
    }

    private func exchange(_ question: DNSQuestion, overTCP: Bool) async throws(StoreError) -> DNSMessage {
        var query = DNSMessage(header: DNSHeader(id: .random(in: 0...(.max))), question: question)
        query.header.recursionDesired = true
        query.options = DNSOptions(payloadSize: Self.payload)
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let answer = loop.makePromise(of: DNSMessage.self)
        let bytes = query.encoded()
        let ear = DNSEar(query, answer)
        do {
            let remote = try NIOCore.SocketAddress(ipAddress: "\(server.ip)", port: Int(server.port))
            let channel =
                overTCP
                ? try await ClientBootstrap(group: loop).connectTimeout(Self.timeout).channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(DNSStreamEar(ear)) }
                }.connect(to: remote).get()
                : try await DatagramBootstrap(group: loop).channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(DNSDatagramEar(ear)) }
                }.connect(to: remote).get()
            loop.scheduleTask(in: Self.timeout) { answer.fail(ChannelError.connectTimeout(Self.timeout)) }
            let buffer = ByteBuffer(bytes: overTCP ? DNSStream.framed(bytes) : bytes)
            if overTCP {
                channel.writeAndFlush(buffer, promise: nil)
            } else {
                channel.writeAndFlush(AddressedEnvelope(remoteAddress: remote, data: buffer), promise: nil)
            }
            let message = try await answer.futureResult.get()
            channel.close(promise: nil)
            return try Self.accepted(message)
        } catch let error as StoreError { throw error } catch {
            answer.fail(error)
            throw .unreachable(StoreError.printable("\(error)"))
        }
    }

    /// No such name is an answer; others than that are none.
    private static func accepted(_ message: DNSMessage) throws(StoreError) -> DNSMessage {
        switch message.header.responseCode {
        case .noError, .noSuchName: return message
        case .refused: throw .refused(status: 0, code: 0, message: "the resolver refuses the question for \(message.question.name)")
        case let code: throw .unreachable("it answers the question for \(message.question.name) with code \(code.rawValue)")
        }
    }
}

/// Waits for the answer to one query; what is none of it is ignored. Its channels live on one event loop.
private final class DNSEar: Sendable {
    private let query: DNSMessage
    private let answer: EventLoopPromise<DNSMessage>

    init(_ query: DNSMessage, _ answer: EventLoopPromise<DNSMessage>) {
        self.query = query
        self.answer = answer
    }

    func heard(_ bytes: [UInt8]) {
        guard let message = try? DNSMessage(bytes), message.header.isResponse, message.header.id == query.header.id,
            message.question == query.question
        else { return }
        answer.succeed(message)
    }

    func failed(_ error: any Error) { answer.fail(error) }
}

private final class DNSDatagramEar: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let ear: DNSEar

    init(_ ear: DNSEar) { self.ear = ear }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { ear.heard(Array(Self.unwrapInboundIn(data).data.readableBytesView)) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        ear.failed(error)
        context.close(promise: nil)
    }
}

private final class DNSStreamEar: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let ear: DNSEar
    private var stream = DNSStream()

    init(_ ear: DNSEar) { self.ear = ear }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        Self.unwrapInboundIn(data).withUnsafeReadableBytes { stream.append($0) }
        while let message = stream.next() { ear.heard(message) }
    }

    func channelInactive(context: ChannelHandlerContext) { ear.failed(ChannelError.eof) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        ear.failed(error)
        context.close(promise: nil)
    }
}
