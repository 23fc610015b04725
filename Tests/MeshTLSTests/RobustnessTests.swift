import MeshTLS
import MeshTypes
import Testing

/// What a stranger may send: none of it may crash, hang or be taken for a peer.
@Suite struct RobustnessTests {
    let authority = TestAuthority()

    @Test func aHandshakeCutAtAnyByteJustWaits() throws {
        let client = try authority.credential("gateway")
        let server = try authority.credential("wallet")
        let table = TLSServerCredentials([server.identity.service.serverName: server])
        let wire = Wire(client: client, server: [server])
        wire.client.start()
        let hello = wire.client.take()
        for cut in 0..<hello.count {
            let end = End(.accepting(table))
            end.receive(Array(hello[..<cut]))
            #expect(end.progress == .open && end.output.isEmpty && !end.isEstablished)
        }
        // Later flights belong to this session only: each of their prefixes is seen in turn.
        wire.server.receive(hello)
        feed(wire.server.take(), to: wire.client)
        feed(wire.client.take(), to: wire.server)
    }

    /// Byte by byte; only the last one may complete the handshake.
    private func feed(_ flight: [UInt8], to end: End) {
        #expect(!flight.isEmpty)
        for (index, byte) in flight.enumerated() {
            #expect(!end.isEstablished && end.peer == nil && end.progress == .open, "before byte \(index)")
            end.receive([byte])
        }
        #expect(end.isEstablished && end.progress == .open)
    }

    @Test(arguments: 0..<40) func alteredHandshakesAreNeverAccepted(seed: Int) throws {
        var generator = Seeded(UInt64(seed) &+ 1)
        let wire = try Wire(client: authority.credential("gateway"), server: [authority.credential("wallet")])
        wire.client.start()
        wire.server.receive(wire.client.take())
        var answer = wire.server.take()
        let index = Int.random(in: 0..<answer.count, using: &generator)
        answer[index] ^= UInt8.random(in: 1...255, using: &generator)
        wire.client.receive(answer)
        #expect(!wire.client.isEstablished || index < 5, "seed \(seed), byte \(index)")
        wire.settle()
        #expect(!wire.server.isEstablished || index < 5, "seed \(seed), byte \(index)")
    }

    @Test(arguments: 0..<200) func garbageIsRefused(seed: Int) throws {
        var generator = Seeded(UInt64(seed) &+ 1)
        let server = try authority.credential("wallet")
        let end = End(.accepting(TLSServerCredentials([server.identity.service.serverName: server])))
        // Half of them begin like a record, so that they get further.
        var bytes: [UInt8] = seed % 2 == 0 ? [22, 3, 1, 0, 60, 1, 0, 0, 56, 3, 3] : []
        bytes += (0..<2000).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        while !bytes.isEmpty && end.progress == .open {
            let count = min(bytes.count, Int.random(in: 1...300, using: &generator))
            end.receive(Array(bytes.prefix(count)))
            bytes.removeFirst(count)
        }
        #expect(!end.isEstablished && end.peer == nil && end.plaintext.isEmpty)
        #expect(end.progress == .failed && end.failure?.reason == .protocolViolation, "seed \(seed)")
    }

    @Test(arguments: ["GET / HTTP/1.1\r\nHost: wallet\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "SSH-2.0-OpenSSH_9\r\n"])
    func otherProtocolsAreNamedAsSuch(text: String) throws {
        let server = try authority.credential("wallet")
        let end = End(.accepting(TLSServerCredentials([server.identity.service.serverName: server])))
        end.receive(Array(text.utf8))
        #expect(end.progress == .failed)
        #expect(end.failure?.reason == .protocolViolation)
        #expect(end.failure?.detail.contains("does not speak TLS 1.3") == true, "\(end.failure!)")
    }

    @Test func nothingHappensAfterAFailure() throws {
        let server = try authority.credential("wallet")
        let end = End(.accepting(TLSServerCredentials([server.identity.service.serverName: server])))
        end.receive(Array("nonsense, nonsense".utf8))
        _ = end.take()
        end.receive([1, 2, 3])
        end.start()
        end.session.close(output: end.output)
        #expect(end.progress == .failed && end.output.isEmpty)
    }
}

/// SplitMix64.
struct Seeded: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
