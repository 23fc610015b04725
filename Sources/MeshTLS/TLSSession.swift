internal import COpenSSL
package import MeshTypes

/// One TLS 1.3 connection without I/O: ciphertext goes in and comes out through the caller's buffers (R1.2).
///
/// Belongs to one thread at a time. Nothing is delivered before the peer is verified.
package struct TLSSession: ~Copyable {
    package enum Progress: Sendable {
        /// The session goes on (it may still be shaking hands).
        case open
        /// The peer closed in order (`close_notify`): no more plaintext comes.
        case closed
        /// See `failure`; an alert may stand in the output.
        case failed
    }

    /// Records under one key before it is changed: below the bound of AES-GCM, 2^24.5 full records (RFC 8446 §5.5).
    package static let recordsPerKey = 1 << 23
    /// Plaintext bytes of a full record (RFC 8446 §5.1).
    package static let maximumRecord = 16384

    private let ssl: OpaquePointer?
    private let state: SessionState.Pointer
    /// Keeps the credential, or the table of them, alive.
    private let owner: AnyObject
    private var progress = Progress.open
    package private(set) var isEstablished = false
    /// This end said that it sends no more.
    private var isClosed = false
    private let recordsPerKey: Int
    private var recordsUntilNewKey: Int

    /// The client's end.
    /// - Parameters:
    ///   - serverName: the SNI, by which the server picks its certificate.
    ///   - expected: the service that the server must prove to be, in the trust domain of `credential`.
    package static func connecting(
        as credential: TLSCredential, to serverName: String, expecting expected: ServiceIdentity, recordsPerKey: Int = recordsPerKey
    ) -> TLSSession {
        let session = TLSSession(
            credential.client, owner: credential,
            SessionState(peerIsServer: true, expected: expected, local: credential.identity), recordsPerKey: recordsPerKey)
        session.state.pointee.localEnds = credential.chainEnds
        session.state.pointee.trust = credential.trust
        if let ssl = session.ssl {
            SSL_set_connect_state(ssl)
            if copenssl_set_server_name(ssl, serverName) != 1 {
                session.state.pointee.failure = TLSFailure(.malformedRequest, "\(serverName) is not a server name")
            }
        }
        return session
    }

    /// The server's end: takes any service of the trust domain as its client.
    package static func accepting(_ credentials: TLSServerCredentials, recordsPerKey: Int = recordsPerKey) -> TLSSession {
        let session = TLSSession(
            credentials.context, owner: credentials, SessionState(peerIsServer: false, expected: nil, local: nil),
            recordsPerKey: recordsPerKey)
        if let ssl = session.ssl { SSL_set_accept_state(ssl) }
        return session
    }

    private init(_ context: SessionParameters?, owner: AnyObject, _ initial: SessionState, recordsPerKey: Int) {
        self.owner = owner
        recordsUntilNewKey = recordsPerKey
        self.recordsPerKey = recordsPerKey
        state = .allocate(capacity: 1)
        state.initialize(to: initial)
        guard let context, let ssl = SSL_new(context.pointer) else {
            self.ssl = nil
            state.pointee.failure = TLSFailure(.overloaded, "no memory for a TLS session")
            return
        }
        self.ssl = ssl
        guard SessionState.attach(state, to: ssl), let bio = RecordTransport.make(state) else {
            state.pointee.failure = TLSFailure(.overloaded, "no memory for a TLS session")
            return
        }
        SSL_set_bio(ssl, bio, bio)
    }

    deinit {
        if let ssl { SSL_free(ssl) }
        state.deinitialize(count: 1)
        state.deallocate()
    }

    /// Who the peer proved to be; nil until established.
    package var peer: SPIFFEID? { isEstablished ? state.pointee.peer : nil }
    /// Seconds since the epoch: when the first certificate of the two ends' chains ends.
    package var ends: Int64 { min(state.pointee.peerEnds, state.pointee.localEnds) }
    /// The authorities that the peer was checked against.
    package var trust: TrustBundle? { state.pointee.trust }
    /// Checks the peer's chain, as it was shown in the handshake, against other authorities. - Returns: why it is refused; nil if it is not.
    package func verifyPeerAgain(trust: TrustBundle) -> TLSFailure? {
        guard let ssl, let leaf = SSL_get0_peer_certificate(ssl) else {
            return TLSFailure(.peerUnverified, "the peer showed no certificate")
        }
        return ChainCheck.refusal(of: leaf, above: SSL_get_peer_cert_chain(ssl), trust: trust, isServer: state.pointee.peerIsServer)
    }
    /// True once a certificate of the peer's path is among `revoked`.
    package func isPeerRevoked(by revoked: RevokedSerials) -> Bool { state.pointee.peerSerials.contains(where: revoked.contains) }
    /// What the handshake refuses.
    package var revoked: RevokedSerials {
        get { state.pointee.revoked }
        nonmutating set { state.pointee.revoked = newValue }
    }
    /// Whose certificate this end shows; on servers nil until the client hello.
    package var localIdentity: SPIFFEID? { state.pointee.local }
    package var failure: TLSFailure? { state.pointee.failure }

    /// Begins the handshake: a client's hello goes to `output`, a server has nothing to say yet.
    package mutating func start(output: CiphertextBuffer) {
        guard begin(UnsafeRawBufferPointer(start: nil, count: 0), output) else { return }
        handshake()
        end()
    }

    /// Takes ciphertext as it came from the wire, in pieces of any size.
    /// - Parameters:
    ///   - ciphertext: lent for this call; all of it is taken unless the session ends.
    ///   - output: gets handshake messages and alerts; send them whatever the result.
    ///   - scratch: plaintext is decrypted into it; best several times `maximumRecord`.
    ///   - deliver: called with non-empty plaintext, valid during the call.
    package mutating func receive(
        _ ciphertext: UnsafeRawBufferPointer, output: CiphertextBuffer, plaintext scratch: UnsafeMutableRawBufferPointer,
        deliver: (UnsafeRawBufferPointer) -> Void
    ) -> Progress {
        guard begin(ciphertext, output) else { return progress }
        defer { end() }
        if !isEstablished {
            handshake()
            guard isEstablished else { return progress }
        }
        read(into: scratch, deliver: deliver)
        return progress
    }

    /// Encrypts `plaintext` into `output`, in records of up to `maximumRecord`.
    /// - Returns: false, with nothing sent, unless the session is established and open for sending.
    package mutating func send(_ plaintext: UnsafeRawBufferPointer, output: CiphertextBuffer) -> Bool {
        guard isEstablished, !isClosed, state.pointee.failure == nil, let ssl else { return false }
        guard let base = plaintext.baseAddress, !plaintext.isEmpty else { return true }
        state.pointee.output = Unmanaged.passUnretained(output)
        defer { end() }
        recordsUntilNewKey -= (plaintext.count + Self.maximumRecord - 1) / Self.maximumRecord
        if recordsUntilNewKey <= 0 {
            recordsUntilNewKey = recordsPerKey
            guard SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 else {
                fail()
                return false
            }
        }
        var written = 0
        guard SSL_write_ex(ssl, base, plaintext.count, &written) == 1, written == plaintext.count else {
            fail()
            return false
        }
        return true
    }

    /// Puts `close_notify` into `output`; nothing can be sent afterwards, what the peer still sends can be received.
    package mutating func close(output: CiphertextBuffer) {
        guard isEstablished, !isClosed, state.pointee.failure == nil, let ssl else { return }
        isClosed = true
        state.pointee.output = Unmanaged.passUnretained(output)
        if SSL_shutdown(ssl) < 0 { ErrorQueue.clear() }
        end()
    }

    private mutating func begin(_ ciphertext: UnsafeRawBufferPointer, _ output: CiphertextBuffer) -> Bool {
        guard progress == .open else { return false }
        guard ssl != nil, state.pointee.failure == nil else {
            progress = .failed
            return false
        }
        state.pointee.input = ciphertext.baseAddress?.assumingMemoryBound(to: UInt8.self)
        state.pointee.inputCount = ciphertext.count
        state.pointee.output = Unmanaged.passUnretained(output)
        return true
    }

    /// The caller's buffers are its own again.
    private func end() {
        state.pointee.input = nil
        state.pointee.inputCount = 0
        state.pointee.output = nil
    }

    private mutating func handshake() {
        ErrorQueue.clear()
        let result = SSL_do_handshake(ssl)
        guard result == 1 else {
            if SSL_get_error(ssl, result) != SSL_ERROR_WANT_READ { fail() }
            return
        }
        // Verification may leave harmless errors behind, which would spoil the next SSL_get_error.
        ErrorQueue.clear()
        guard state.pointee.peer != nil else {
            state.pointee.failure = TLSFailure(.peerUnverified, "the peer was not verified")
            progress = .failed
            return
        }
        isEstablished = true
    }

    private mutating func read(into scratch: UnsafeMutableRawBufferPointer, deliver: (UnsafeRawBufferPointer) -> Void) {
        var filled = 0
        while true {
            var count = 0
            let result = SSL_read_ex(ssl, scratch.baseAddress! + filled, scratch.count - filled, &count)
            if result == 1 {
                filled += count
                // Small records are gathered; a full one must find room.
                if scratch.count - filled >= Self.maximumRecord { continue }
                deliver(UnsafeRawBufferPointer(rebasing: scratch[..<filled]))
                filled = 0
                continue
            }
            if filled > 0 { deliver(UnsafeRawBufferPointer(rebasing: scratch[..<filled])) }
            switch SSL_get_error(ssl, result) {
            case SSL_ERROR_WANT_READ: break
            case SSL_ERROR_ZERO_RETURN: progress = .closed
            default: fail()
            }
            return
        }
    }

    private mutating func fail() {
        progress = .failed
        let entry = ErrorQueue.take()
        if state.pointee.failure == nil {
            state.pointee.failure = HandshakeFailure.describe(
                entry, peerIsServer: state.pointee.peerIsServer, established: isEstablished)
        }
    }
}
