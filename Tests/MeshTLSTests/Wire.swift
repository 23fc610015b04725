import MeshTLS
import MeshTypes

/// One end of a session with what it received; a class, so that tests can keep both ends in variables.
final class End {
    var session: TLSSession
    let output = CiphertextBuffer()
    private(set) var plaintext: [UInt8] = []
    private(set) var progress = TLSSession.Progress.open
    private let scratch: UnsafeMutableRawBufferPointer

    init(_ session: consuming TLSSession, scratch: Int = 64 << 10) {
        self.session = session
        self.scratch = .allocate(byteCount: scratch, alignment: 16)
    }

    deinit { scratch.deallocate() }

    // Forwarded, because macros cannot look into what is not copyable.
    var isEstablished: Bool { session.isEstablished }
    var peer: SPIFFEID? { session.peer }
    var localIdentity: SPIFFEID? { session.localIdentity }
    var failure: TLSFailure? { session.failure }
    func isPeerRevoked(by revoked: RevokedSerials) -> Bool { session.isPeerRevoked(by: revoked) }

    func start() { session.start(output: output) }

    func receive(_ bytes: [UInt8]) {
        progress = bytes.withUnsafeBytes {
            session.receive($0, output: output, plaintext: scratch) { plaintext.append(contentsOf: $0) }
        }
    }

    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool { bytes.withUnsafeBytes { session.send($0, output: output) } }

    /// Takes at most `limit` bytes of what is to be sent.
    func take(_ limit: Int = .max) -> [UInt8] {
        let bytes = Array(output.readable.prefix(limit))
        output.consume(bytes.count)
        return bytes
    }
}

/// Two ends and the wire between them.
struct Wire {
    let client: End
    let server: End

    init(
        client: TLSCredential, server: [TLSCredential], to name: String = "wallet", expecting: String? = nil,
        serverName: String? = nil, recordsPerKey: Int = TLSSession.recordsPerKey, scratch: Int = 64 << 10,
        revoked: RevokedSerials = .none
    ) {
        let table = Dictionary(server.map { ($0.identity.service.serverName, $0) }) { first, _ in first }
        self.client = End(
            .connecting(
                as: client, to: serverName ?? ServiceIdentity.of(name).serverName, expecting: .of(expecting ?? name),
                recordsPerKey: recordsPerKey), scratch: scratch)
        self.server = End(.accepting(TLSServerCredentials(table), recordsPerKey: recordsPerKey), scratch: scratch)
        self.client.session.revoked = revoked
        self.server.session.revoked = revoked
    }

    /// Carries bytes both ways, at most `step` at a time, until nothing moves.
    func settle(step: Int = .max) {
        while true {
            let outward = client.take(step)
            if !outward.isEmpty { server.receive(outward) }
            let inward = server.take(step)
            if !inward.isEmpty { client.receive(inward) }
            if outward.isEmpty && inward.isEmpty { return }
        }
    }

    func shakeHands(step: Int = .max) {
        client.start()
        server.start()
        settle(step: step)
    }
}
