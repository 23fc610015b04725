internal import COpenSSL
internal import MeshTypes

/// What OpenSSL reports of a session that ended, in the mesh's terms.
enum HandshakeFailure {
    static func describe(_ entry: ErrorQueue.Entry?, peerIsServer: Bool, established: Bool) -> TLSFailure {
        let role = peerIsServer ? "server" : "client"
        guard let entry, entry.library == ERR_LIB_SSL else {
            return TLSFailure(.protocolViolation, "TLS with the \(role) failed: \(entry?.text ?? "no reason given")")
        }
        if entry.reason > SSL_AD_REASON_OFFSET {
            return alert(entry.reason - SSL_AD_REASON_OFFSET, role: role)
        }
        switch entry.reason {
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
            return TLSFailure(.peerUnverified, "the \(role) showed no certificate")
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_WRONG_VERSION_NUMBER, SSL_R_HTTP_REQUEST, SSL_R_UNKNOWN_PROTOCOL:
            return TLSFailure(.protocolViolation, "the \(role) does not speak TLS 1.3: \(entry.text)")
        default:
            let when = established ? "session" : "handshake"
            return TLSFailure(.protocolViolation, "the TLS \(when) with the \(role) failed: \(entry.text)")
        }
    }

    /// An alert that the peer sent (RFC 8446 §6.2).
    private static func alert(_ number: Int32, role: String) -> TLSFailure {
        let text = SSL_alert_desc_string_long(number).map { String(cString: $0) } ?? "alert \(number)"
        return switch number {
        case SSL_AD_BAD_CERTIFICATE, SSL_AD_UNSUPPORTED_CERTIFICATE, SSL_AD_CERTIFICATE_REVOKED, SSL_AD_CERTIFICATE_EXPIRED,
            SSL_AD_CERTIFICATE_UNKNOWN, SSL_AD_UNKNOWN_CA, SSL_AD_CERTIFICATE_REQUIRED, SSL_AD_ACCESS_DENIED:
            TLSFailure(.peerUnverified, "the \(role) refused this node's certificate: \(text)")
        case SSL_AD_UNRECOGNIZED_NAME:
            TLSFailure(.notAnEndpoint, "the \(role) does not host the service that was asked for")
        default:
            TLSFailure(.tunnelFailed, "the \(role) ended the session: \(text)")
        }
    }
}
