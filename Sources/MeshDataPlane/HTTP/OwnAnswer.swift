package import MeshPolicy
internal import MeshProtocols
internal import MeshRouting
internal import MeshTelemetry
package import MeshTypes

/// An answer that the mesh gives in a service's place: JSON that says why, and `x-myelin-reason`.
package struct OwnAnswer {
    let status: Int
    /// `none` for an answer that refuses nothing.
    let reason: DenialReason
    let explanation: String
    /// Nanoseconds until it makes sense to ask again.
    var retryAfter: UInt64?
    /// The limit that is used up.
    var limit: ServicePolicy.RateLimit?
    var location: String?

    package init(status: Int, reason: DenialReason, explanation: String? = nil) {
        self.status = status
        self.reason = reason
        self.explanation = explanation ?? reason.explanation
    }

    package init(_ reason: DenialReason, retryAfter: UInt64?, limit: ServicePolicy.RateLimit? = nil) {
        self.init(status: Self.status(of: reason), reason: reason)
        self.retryAfter = retryAfter
        self.limit = limit
    }

    init(_ redirect: Redirect) {
        self.init(status: redirect.status, reason: .none)
        location = redirect.location
    }

    /// To a request whose Max-Forwards is used up, in a final recipient's place (RFC 9110 §7.6.2). What a caller sent is not reflected: it may
    /// have credentials in it (§9.3.8).
    init(endOf method: HTTPMethod) {
        if method == .trace {
            self.init(
                status: 501, reason: .badRequest,
                explanation: "Max-Forwards ends at this node, which does not serve TRACE (RFC 9110 §9.3.8)")
        } else {
            self.init(status: 200, reason: .none)
        }
    }

    /// RFC 9110 §15, RFC 6585 §4.
    static func status(of reason: DenialReason) -> Int {
        switch reason {
        case .notAllowed, .denied, .peerIdentity, .peerUnverified, .unknownWorkload, .permitWithdrawn: 403
        case .rateLimited: 429
        case .deadlineExceeded, .endpointTimeout, .idleTimeout: 504
        case .noEndpoint, .overloaded, .shareExhausted, .draining, .noCertificate, .circuitOpen, .queueFull, .shed, .limitUnavailable,
            .endpointNotReady, .wrongListener:
            503
        case .badRequest: 400
        default: 502
        }
    }

    private static func phrase(of status: Int) -> StaticString {
        switch status {
        case 200: "OK"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 403: "Forbidden"
        case 414: "URI Too Long"
        case 417: "Expectation Failed"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: "Refused"
        }
    }

    func write(to writer: inout HeadWriter, closes: Bool, keepsOldVersionAlive: Bool, hasBody: Bool) {
        let body =
            reason == .none ? "" : #"{"error":{"status":\#(status),"reason":"\#(reason.code)","explanation":"\#(explanation)"}}"# + "\n"
        writer.removeAll()
        writer.append("HTTP/1.1 ")
        writer.append(decimal: UInt64(status))
        writer.append(" ")
        writer.append(Self.phrase(of: status))
        if reason != .none {
            writer.append("\r\ncontent-type: application/json\r\nx-myelin-reason: ")
            append(reason.code, to: &writer)
        }
        if let location {
            writer.append("\r\nlocation: ")
            append(location, to: &writer)
        }
        appendWhenToAskAgain(to: &writer)
        if closes { writer.append("\r\nconnection: close") }
        if keepsOldVersionAlive { writer.append("\r\nconnection: keep-alive") }
        writer.append("\r\ncontent-length: ")
        writer.append(decimal: UInt64(body.utf8.count))
        writer.append("\r\n\r\n")
        if hasBody { append(body, to: &writer) }
    }

    /// Lines that begin with the end of the one before.
    func appendWhenToAskAgain(to writer: inout HeadWriter) {
        if let limit { append(limit, to: &writer) }
        guard let retryAfter else { return }
        writer.append("\r\nretry-after: ")
        writer.append(decimal: (retryAfter + 999_999_999) / 1_000_000_000)
    }

    /// `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers): the quota, its window, and when one more is left.
    private func append(_ limit: ServicePolicy.RateLimit, to writer: inout HeadWriter) {
        writer.append("\r\nratelimit-policy: \"default\";q=")
        writer.append(decimal: UInt64(limit.requests))
        writer.append(";w=")
        writer.append(decimal: UInt64(limit.period.components.seconds))
        writer.append("\r\nratelimit: \"default\";r=0;t=")
        writer.append(decimal: ((retryAfter ?? 0) + 999_999_999) / 1_000_000_000)
    }

    func append(_ text: String, to writer: inout HeadWriter) {
        for byte in text.utf8 { writer.append(byte: byte) }
    }
}
