internal import COpenSSL
internal import MeshTypes

/// What OpenSSL's callbacks share with the session that called it. Lives at one address, outside Swift's exclusivity checks.
struct SessionState {
    /// Ciphertext that the caller lends for the duration of one call.
    var input: UnsafePointer<UInt8>?
    var inputCount = 0
    /// Where ciphertext goes during one call.
    var output: Unmanaged<CiphertextBuffer>?
    /// The peer's role, for the purpose check and messages.
    let peerIsServer: Bool
    /// Which service the peer must be; nil on servers, which take any service of the trust domain.
    let expected: ServiceIdentity?
    /// Whose certificate this end shows; on servers known once the client named it.
    var local: SPIFFEID?
    /// Set by the verification callback only.
    var peer: SPIFFEID?
    /// The first end of a certificate of the peer's path, and of the chain that this end shows: seconds since the epoch.
    var peerEnds = Int64.max
    var localEnds = Int64.max
    /// What the peer's path leads to.
    var trust: TrustBundle?
    /// Of the peer's path, as `ChainCheck.Leaf.serial`.
    var peerSerials: [String] = []
    /// What the handshake refuses; a newer one is set while it goes on.
    var revoked = RevokedSerials.none
    var failure: TLSFailure?

    typealias Pointer = UnsafeMutablePointer<SessionState>

    /// The state that `ssl` was made with.
    static func of(_ ssl: OpaquePointer?) -> Pointer? {
        guard let ssl else { return nil }
        return SSL_get_ex_data(ssl, exDataIndex)?.assumingMemoryBound(to: SessionState.self)
    }

    static func attach(_ state: Pointer, to ssl: OpaquePointer) -> Bool { SSL_set_ex_data(ssl, exDataIndex, state) == 1 }

    /// Index 0 is reserved for the application (`SSL_set_app_data`).
    private static let exDataIndex: Int32 = 0
}
