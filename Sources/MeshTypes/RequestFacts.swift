/// What the mesh distinguishes among methods (RFC 9110 §9).
package enum HTTPMethod: UInt8, BitwiseCopyable, Sendable, CaseIterable {
    case get, head, post, put, delete, options, trace, patch
    /// Any other token: passed on, never repeated.
    case other

    /// Repeating it does no more than doing it once (RFC 9110 §9.2.2).
    package var isIdempotent: Bool {
        switch self {
        case .get, .head, .put, .delete, .options, .trace: true
        case .post, .patch, .other: false
        }
    }

    package var name: String {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .options: "OPTIONS"
        case .trace: "TRACE"
        case .patch: "PATCH"
        case .other: "other"
        }
    }
}

/// One HTTP request as the access log and the metrics tell of it. Plain bytes, like the record that it is part of.
package struct RequestFacts: Sendable, BitwiseCopyable {
    /// Bytes of a path that are kept; what is longer is cut.
    package static let pathCapacity = 96
    /// For a request of which no status of gRPC is known.
    package static let noGRPCStatus = UInt8.max
    /// The last one that gRPC defines.
    package static let highestGRPCStatus: UInt8 = 16

    /// False in the record of a connection.
    package var isPresent = false
    package var method = HTTPMethod.other
    /// Of the answer that the caller got; 0 when it got none.
    package var status: UInt16 = 0
    /// The caller's: 1 for HTTP/1.0 and HTTP/1.1, 2 for HTTP/2.
    package var version: UInt8 = 1
    package var isGRPC = false
    /// Of the answer's trailers.
    package var grpcStatus = noGRPCStatus
    /// Endpoints that were asked, the last one included.
    package var attempts: UInt8 = 0
    /// What became of a copy of a caller's request; nil for the requests of callers themselves.
    package var mirror: MirrorResult?
    /// The trace's sixteen bytes; zero for none.
    package var traceHigh: UInt64 = 0
    package var traceLow: UInt64 = 0
    package var identifier = RequestIdentifier()
    private var pathLength: UInt8 = 0
    private var pathBytes = InlineArray<96, UInt8>(repeating: 0)

    package init() {}

    /// A copy of a caller's request, whose answer nobody gets.
    package var isShadow: Bool { mirror != nil }

    /// In words that operators know.
    package var protocolName: String { isGRPC ? "grpc" : version == 2 ? "http/2" : "http/1.1" }

    /// Keeps the target up to its query, which may hold secrets.
    package mutating func setPath(_ target: UnsafeRawBufferPointer) {
        var length = 0
        while length < min(target.count, Self.pathCapacity), target[length] != UInt8(ascii: "?") {
            pathBytes[length] = target[length]
            length += 1
        }
        pathLength = UInt8(length)
    }

    /// ASCII, as it was asked for; `/` for an empty one.
    package var path: String {
        guard pathLength > 0 else { return "/" }
        return String(decoding: (0..<Int(pathLength)).map { pathBytes[$0] }, as: UTF8.self)
    }
}
