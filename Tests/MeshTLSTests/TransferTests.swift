import Crypto
import MeshTLS
import MeshTypes
import Testing

@Suite struct TransferTests {
    let authority = TestAuthority()

    private func wire(recordsPerKey: Int = TLSSession.recordsPerKey, scratch: Int = 64 << 10) throws -> Wire {
        let wire = try Wire(
            client: authority.credential("gateway"), server: [authority.credential("wallet")], recordsPerKey: recordsPerKey,
            scratch: scratch)
        wire.shakeHands()
        return wire
    }

    /// Bytes that tell their place.
    private func pattern(_ count: Int, seed: UInt64) -> [UInt8] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 33)
        }
    }

    @Test(arguments: [100, 1000, 16384, 65536]) func bigTransfersThroughSmallBuffers(scratch: Int) throws {
        let wire = try wire(scratch: scratch)
        let up = pattern(1 << 20, seed: 1)
        let down = pattern(1 << 20, seed: 2)
        for start in stride(from: 0, to: up.count, by: 50_000) {
            wire.client.send(Array(up[start..<min(start + 50_000, up.count)]))
            wire.server.send(Array(down[start..<min(start + 50_000, down.count)]))
            wire.settle(step: 1460)
        }
        #expect(wire.server.plaintext == up)
        #expect(wire.client.plaintext == down)
    }

    @Test func aFullRecordHoldsWhatItShould() throws {
        let wire = try wire()
        wire.client.send(pattern(TLSSession.maximumRecord, seed: 3))
        // 5 of header, 1 of inner type, 16 of tag (RFC 8446 §5.2).
        #expect(wire.client.output.count == TLSSession.maximumRecord + 22)
        wire.settle()
        wire.client.send(pattern(TLSSession.maximumRecord + 1, seed: 3))
        #expect(wire.client.output.count == TLSSession.maximumRecord + 1 + 2 * 22)
    }

    @Test func keysAreChangedBeforeTheyWearOut() throws {
        let wire = try wire(recordsPerKey: 3)
        let sent = pattern(300_000, seed: 4)
        for start in stride(from: 0, to: sent.count, by: 10_000) {
            wire.client.send(Array(sent[start..<start + 10_000]))
            wire.server.send(Array(sent[start..<start + 10_000]))
        }
        let changes = wire.client.output.count - 300_000 - 30 * 22
        #expect(changes == 10 * (5 + 22), "ten key updates of five bytes each")
        wire.settle()
        #expect(wire.server.plaintext == sent && wire.client.plaintext == sent)
    }

    @Test func emptyPlaintextSendsNothing() throws {
        let wire = try wire()
        #expect(wire.client.send([]))
        #expect(wire.client.output.isEmpty)
    }

    @Test func alteredRecordsEndTheSession() throws {
        let wire = try wire()
        wire.client.send(Array("pay 10".utf8))
        var bytes = wire.client.take()
        bytes[8] ^= 1
        wire.server.receive(bytes)
        #expect(wire.server.progress == .failed && wire.server.plaintext.isEmpty)
        #expect(wire.server.failure?.reason == .protocolViolation)
        wire.settle()
        #expect(wire.client.progress == .failed)
    }

    @Test func replayedRecordsEndTheSession() throws {
        let wire = try wire()
        wire.client.send(Array("pay 10".utf8))
        let bytes = wire.client.take()
        wire.server.receive(bytes + bytes)
        #expect(wire.server.plaintext == Array("pay 10".utf8))
        #expect(wire.server.progress == .failed)
    }
}

@Suite struct CiphertextBufferTests {
    @Test func keepsOrderWhileItGrowsAndMoves() {
        let buffer = CiphertextBuffer()
        var expected: [UInt8] = []
        var next: UInt8 = 0
        for round in 1...400 {
            let bytes = (0..<(round * 7)).map { _ in
                next &+= 1
                return next
            }
            bytes.withUnsafeBytes { _ = buffer.append($0) }
            expected += bytes
            let gone = min(expected.count, round * 3)
            #expect(Array(buffer.readable.prefix(gone)) == Array(expected.prefix(gone)))
            buffer.consume(gone)
            expected.removeFirst(gone)
        }
        #expect(Array(buffer.readable) == expected)
    }

    @Test func refusesToGrowBeyondItsBound() {
        let buffer = CiphertextBuffer()
        let block = [UInt8](repeating: 7, count: 1 << 20)
        for _ in 0..<(CiphertextBuffer.maximumCount >> 20) { #expect(block.withUnsafeBytes { buffer.append($0) }) }
        #expect(!block.withUnsafeBytes { buffer.append($0) })
        #expect(buffer.count == CiphertextBuffer.maximumCount)
        buffer.removeAll()
        #expect(buffer.isEmpty && block.withUnsafeBytes { buffer.append($0) })
    }
}
