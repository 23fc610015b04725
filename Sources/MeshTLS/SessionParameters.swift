internal import COpenSSL

/// An `SSL_CTX`: what all sessions of one credential and one direction have in common. Made once, never changed.
final class SessionParameters: Sendable {
    /// AES-128 first: the fastest at full strength. The order is the server's to decide.
    private static let cipherSuites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
    private static let groups = "X25519:P-256"
    /// Certificates between a leaf and its root, at most.
    private static let maximumIntermediates: Int32 = 3

    nonisolated(unsafe) let pointer: OpaquePointer

    enum Role { case client, server }

    init(_ role: Role) throws(TLSFailure) {
        let method = role == .client ? TLS_client_method() : TLS_server_method()
        guard let context = SSL_CTX_new(method) else { throw Self.failure() }
        pointer = context
        guard copenssl_configure(context) == 1, SSL_CTX_set_ciphersuites(context, Self.cipherSuites) == 1,
            copenssl_set_groups(context, Self.groups) == 1
        else { throw Self.failure() }
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
        SSL_CTX_set_verify_depth(context, Self.maximumIntermediates)
        SSL_CTX_set_cert_verify_callback(context, PeerVerification.callback, nil)
        switch role {
        case .client:
            let refused = ApplicationProtocol.list.withUnsafeBufferPointer {
                SSL_CTX_set_alpn_protos(context, $0.baseAddress, UInt32($0.count))
            }
            guard refused == 0 else { throw Self.failure() }
        case .server: SSL_CTX_set_alpn_select_cb(context, ApplicationProtocol.select, nil)
        }
    }

    deinit { SSL_CTX_free(pointer) }

    /// Shows this chain (leaf first) to peers and checks theirs against `trust`.
    func use(chainDER: [[UInt8]], key: TLSPrivateKey, trust: TrustBundle) throws(TLSFailure) {
        for (index, der) in chainDER.enumerated() {
            let certificate = try ParsedCertificate(der: der)
            let done =
                index == 0
                ? SSL_CTX_use_certificate(pointer, certificate.pointer) : copenssl_add_chain(pointer, certificate.pointer)
            guard done == 1 else { throw Self.failure() }
        }
        guard SSL_CTX_use_PrivateKey(pointer, key.pointer) == 1 else { throw Self.failure() }
        copenssl_use_store(pointer, trust.store)
    }

    private static func failure() -> TLSFailure {
        TLSFailure(.noCertificate, "OpenSSL refuses the credential: \(ErrorQueue.takeText())")
    }
}

/// HTTP/2, the only protocol inside (RFC 7301). A peer that names none is taken at its word: the port carries nothing else.
enum ApplicationProtocol {
    static let list: [UInt8] = [2, UInt8(ascii: "h"), UInt8(ascii: "2")]

    typealias Select =
        @convention(c) (
            OpaquePointer?, UnsafeMutablePointer<UnsafePointer<UInt8>?>?, UnsafeMutablePointer<UInt8>?, UnsafePointer<UInt8>?, UInt32,
            UnsafeMutableRawPointer?
        ) -> Int32

    static let select: Select = { _, chosen, chosenLength, offered, offeredLength, _ in
        guard let chosen, let chosenLength, let offered else { return SSL_TLSEXT_ERR_ALERT_FATAL }
        // The answer must point into memory that outlives the call: the client's own offer.
        var index = 0
        let end = Int(offeredLength)
        while index < end {
            let length = Int(offered[index])
            guard index + 1 + length <= end else { break }
            if length == 2, offered[index + 1] == list[1], offered[index + 2] == list[2] {
                chosen.pointee = offered + index + 1
                chosenLength.pointee = 2
                return SSL_TLSEXT_ERR_OK
            }
            index += 1 + length
        }
        return SSL_TLSEXT_ERR_ALERT_FATAL
    }
}
