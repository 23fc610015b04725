internal import MeshProtocols
internal import MeshTypes

/// An answer that the mesh gives in a service's place: JSON that says why, and `x-myelin-reason`.
struct OwnAnswer {
    let status: Int
    let reason: DenialReason
    let explanation: String
    /// Nanoseconds until it makes sense to ask again.
    let retryAfter: UInt64?

    /// RFC 9110 §15, RFC 6585 §4.
    static func status(of reason: DenialReason) -> Int {
        switch reason {
        case .notAllowed, .denied, .peerIdentity, .peerUnverified, .unknownWorkload: 403
        case .rateLimited: 429
        case .deadlineExceeded, .endpointTimeout: 504
        case .noEndpoint, .overloaded, .draining, .noCertificate: 503
        case .badRequest: 400
        default: 502
        }
    }

    private static func phrase(of status: Int) -> StaticString {
        switch status {
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
        default: "HTTP Version Not Supported"
        }
    }

    func write(to writer: inout HeadWriter, closes: Bool, keepsOldVersionAlive: Bool, hasBody: Bool) {
        let body = #"{"error":{"status":\#(status),"reason":"\#(reason.code)","explanation":"\#(explanation)"}}"# + "\n"
        writer.removeAll()
        writer.append("HTTP/1.1 ")
        writer.append(decimal: UInt64(status))
        writer.append(" ")
        writer.append(Self.phrase(of: status))
        writer.append("\r\ncontent-type: application/json\r\nx-myelin-reason: ")
        append(reason.code, to: &writer)
        if let retryAfter {
            writer.append("\r\nretry-after: ")
            writer.append(decimal: (retryAfter + 999_999_999) / 1_000_000_000)
        }
        if closes { writer.append("\r\nconnection: close") }
        if keepsOldVersionAlive { writer.append("\r\nconnection: keep-alive") }
        writer.append("\r\ncontent-length: ")
        writer.append(decimal: UInt64(body.utf8.count))
        writer.append("\r\n\r\n")
        if hasBody { append(body, to: &writer) }
    }

    private func append(_ text: String, to writer: inout HeadWriter) {
        for byte in text.utf8 { writer.append(byte: byte) }
    }
}
