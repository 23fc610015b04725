internal import COpenSSL
internal import MeshTypes

/// Which credential answers for which server name: what a listener that hosts many services needs.
package final class TLSServerCredentials: Sendable {
    private let byServerName: [String: TLSCredential]
    /// Where a session starts before the client has named a service; nil if OpenSSL has no memory, then every session is refused.
    let context: SessionParameters?

    /// - Parameter byServerName: by SNI, lower case. A client that names none of these, or nothing, is refused.
    package init(_ byServerName: [String: TLSCredential]) {
        self.byServerName = byServerName
        context = try? SessionParameters(.server)
        guard let context else { return }
        // The table is owned by every session that started from it, and so outlives the pointer's use.
        copenssl_on_server_name(context.pointer, Self.choose, Unmanaged.passUnretained(self).toOpaque())
    }

    private static let choose: @convention(c) (OpaquePointer?, UnsafeMutablePointer<Int32>?, UnsafeMutableRawPointer?) -> Int32 = {
        ssl, alert, argument in
        guard let ssl, let state = SessionState.of(ssl), let argument else { return SSL_TLSEXT_ERR_ALERT_FATAL }
        let table = Unmanaged<TLSServerCredentials>.fromOpaque(argument).takeUnretainedValue()
        alert?.pointee = SSL_AD_UNRECOGNIZED_NAME
        guard let pointer = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) else {
            state.pointee.failure = TLSFailure(.malformedRequest, "the client names no service (no SNI)")
            return SSL_TLSEXT_ERR_ALERT_FATAL
        }
        let name = String(cString: pointer)
        guard let credential = table.byServerName[name] ?? table.byServerName[name.lowercased()] else {
            state.pointee.failure = TLSFailure(.notAnEndpoint, "the client asks for \(name), which this node does not host")
            return SSL_TLSEXT_ERR_ALERT_FATAL
        }
        guard SSL_set_SSL_CTX(ssl, credential.server.pointer) != nil else { return SSL_TLSEXT_ERR_ALERT_FATAL }
        state.pointee.local = credential.identity
        state.pointee.localEnds = credential.chainEnds
        state.pointee.trust = credential.trust
        return SSL_TLSEXT_ERR_OK
    }
}
