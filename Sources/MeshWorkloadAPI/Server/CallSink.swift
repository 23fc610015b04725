internal import NIOCore
internal import NIOHPACK
internal import NIOHTTP2

/// The answering side of one call: messages, then a status.
struct CallSink {
    private let channel: any Channel
    private var hasBegun = false

    init(_ channel: any Channel) { self.channel = channel }

    private static let head: HPACKHeaders = [":status": "200", "content-type": "application/grpc"]

    /// Returns when the message is on its way: a caller that does not read holds back its own stream only.
    mutating func send(_ message: [UInt8]) async throws {
        if !hasBegun {
            hasBegun = true
            channel.write(HTTP2Frame.FramePayload.headers(.init(headers: Self.head)), promise: nil)
        }
        let buffer = ByteBuffer(bytes: GRPCFrames.framed(message))
        try await channel.writeAndFlush(HTTP2Frame.FramePayload.data(.init(data: .byteBuffer(buffer)))).get()
    }

    /// Trailers, which are the head too when no message was sent.
    func finish(_ status: GRPCStatus) {
        var headers = hasBegun ? HPACKHeaders() : Self.head
        headers.add(name: "grpc-status", value: String(status.code.rawValue))
        if !status.message.isEmpty { headers.add(name: "grpc-message", value: status.percentEncoded) }
        end(headers)
    }

    /// What is no call of gRPC gets an answer of HTTP.
    func finish(httpStatus: Int) { end([":status": String(httpStatus)]) }

    private func end(_ headers: HPACKHeaders) {
        channel.writeAndFlush(HTTP2Frame.FramePayload.headers(.init(headers: headers, endStream: true)), promise: nil)
    }
}
