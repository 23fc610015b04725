package import MeshProtocols
internal import MeshTypes

/// The mesh's own answers in gRPC's form: a client of it reads `grpc-status`, and makes an error of its own from any other answer.
extension OwnAnswer {
    /// Status codes of gRPC (its statuscodes.md).
    package enum GRPCStatus: Int {
        case unknown = 2
        case deadlineExceeded = 4
        case permissionDenied = 7
        case resourceExhausted = 8
        case notSupported = 12
        case `internal` = 13
        case unavailable = 14
        case unauthenticated = 16
    }

    /// By the status that another caller would get; as gRPC's http-grpc-status-mapping.md where it says something finer than "unavailable".
    package var grpcStatus: GRPCStatus {
        switch status {
        case 400, 414, 417, 431, 505: .internal
        case 401: .unauthenticated
        case 403: .permissionDenied
        case 404, 501: .notSupported
        case 429: .resourceExhausted
        case 502, 503: .unavailable
        case 504: .deadlineExceeded
        default: .unknown
        }
    }

    /// A head that is the whole answer ("Trailers-Only"), in HTTP/1.1's form; the stream ends with it.
    package func writeTrailersOnly(to writer: inout HeadWriter) {
        writer.removeAll()
        writer.append("HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ngrpc-status: ")
        writer.append(decimal: UInt64(grpcStatus.rawValue))
        writer.append("\r\ngrpc-message: ")
        writer.append(grpcMessage: explanation)
        if reason != .none {
            writer.append("\r\nx-myelin-reason: ")
            append(reason.code, to: &writer)
        }
        appendWhenToAskAgain(to: &writer)
        writer.append("\r\n\r\n")
    }
}
