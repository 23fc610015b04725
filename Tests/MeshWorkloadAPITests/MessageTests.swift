import MeshWorkloadAPI
import Testing

/// The wire formats, against bytes that are written out. NodeTests have the same messages read by protobuf's own Python classes.
struct MessageTests {
    @Test func writesAnSVIDAsTheSpecificationNumbersItsFields() {
        let message = X509SVIDMessage(spiffeID: "a", chain: [1, 2], key: [3], bundle: [])
        #expect(message.encoded == [0x0a, 1, 0x61, 0x12, 2, 1, 2, 0x1a, 1, 3])
        #expect(X509SVIDResponse(svids: [message]).encoded == [0x0a, 10] + message.encoded)
        let bundles = X509BundlesResponse(trustDomain: "t", bundle: [9])
        #expect(bundles.encoded == [0x12, 15, 0x0a, 10] + Array("spiffe://t".utf8) + [0x12, 1, 9])
    }

    @Test func readsBackWhatItWrites() throws {
        let long = [UInt8](repeating: 7, count: 40_000)
        let response = X509SVIDResponse(svids: [
            X509SVIDMessage(spiffeID: "spiffe://td/a", chain: long, key: [1], bundle: long),
            X509SVIDMessage(spiffeID: "", chain: [], key: [], bundle: []),
        ])
        #expect(try X509SVIDResponse(response.encoded[...]) == response)
    }

    @Test func passesOverWhatItDoesNotKnow() throws {
        // A varint 9, eight bytes 10, four bytes 11, a hint 5, a federated bundle 3.
        let unknown: [UInt8] = [0x48, 0xff, 1, 0x51, 0, 0, 0, 0, 0, 0, 0, 0, 0x5d, 0, 0, 0, 0, 0x2a, 1, 0x68, 0x1a, 2, 0, 0]
        #expect(try X509SVIDMessage((unknown + [0x0a, 1, 0x61])[...]).spiffeID == "a")
        #expect(try X509SVIDResponse(unknown[...]).svids == [])
    }

    @Test(arguments: [
        [0x0a], [0x0a, 2, 0], [0x0b, 0], [0x02, 0], [0x08, 0x80], [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
        [0x51, 0],
        [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    ])
    func refusesDamagedMessages(bytes: [UInt8]) { #expect(throws: MalformedMessage.self) { try X509SVIDMessage(bytes[...]) } }

    @Test func damageIsReadOrRefusedAndNeverMore() {
        let whole = X509SVIDResponse(svids: [
            X509SVIDMessage(
                spiffeID: "spiffe://td/a", chain: [0x30, 2, 1, 2, 0x30, 1, 9], key: [UInt8](repeating: 3, count: 200), bundle: [0x30, 0])
        ]).encoded
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix(state: seed)
        for _ in 0..<20_000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            bytes.removeLast(Int.random(in: 0..<8, using: &random))
            guard let read = try? X509SVIDResponse(bytes[...]) else { continue }
            #expect((try? X509SVIDResponse(read.encoded[...])) == read, "seed \(seed)")
            for svid in read.svids {
                guard let parts = try? DERCertificates.split(svid.chain, limit: 4) else { continue }
                #expect(Array(parts.joined()) == svid.chain, "seed \(seed)")
            }
        }
    }

    private struct SplitMix: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var value = state
            value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
            value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
            return value ^ (value >> 31)
        }
    }

    @Test func splitsCertificates() throws {
        let short: [UInt8] = [0x30, 2, 1, 2]
        let long: [UInt8] = [0x30, 0x82, 1, 0] + [UInt8](repeating: 5, count: 256)
        #expect(try DERCertificates.split(short + long + short, limit: 3) == [short, long, short])
        #expect(try DERCertificates.split([], limit: 1) == [])
        #expect(throws: MalformedMessage.self) { try DERCertificates.split(short + short, limit: 1) }
    }

    @Test(arguments: [[0x31, 0], [0x30], [0x30, 1], [0x30, 0x80, 0], [0x30, 0x84, 0, 0, 0, 1, 0], [0x30, 0x82, 1], [0x30, 0, 0]])
    func refusesWhatIsNoCertificate(bytes: [UInt8]) {
        #expect(throws: MalformedMessage.self) { try DERCertificates.split(bytes, limit: 9) }
    }

    @Test func cutsTheStreamIntoMessages() throws {
        var frames = GRPCFrames(limit: 3)
        let bytes = GRPCFrames.framed([1, 2, 3]) + GRPCFrames.framed([]) + [0, 0, 0]
        var found: [[UInt8]] = []
        for byte in bytes {
            frames.append([byte])
            while let message = try frames.next() { found.append(message) }
        }
        #expect(found == [[1, 2, 3], []] && !frames.isEmpty)
    }

    @Test func refusesLargeAndCompressedMessages() {
        var large = GRPCFrames(limit: 3)
        large.append([0, 0, 0, 0, 4])
        #expect { try large.next() } throws: { ($0 as? GRPCStatus)?.code == .resourceExhausted }
        var compressed = GRPCFrames(limit: 3)
        compressed.append([1, 0, 0, 0, 0])
        #expect { try compressed.next() } throws: { ($0 as? GRPCStatus)?.code == .notServed }
    }

    @Test func statusMessagesAreEncodedAndCleaned() {
        #expect(GRPCStatus(.unavailable, "50% é\n").percentEncoded == "50%25 %C3%A9%0A")
        #expect(GRPCStatus(trailers: ("7", "50%25 %C3%A9%0A%")) == GRPCStatus(.permissionDenied, "50% é?%"))
        #expect(GRPCStatus(trailers: ("99", nil)).code == .unknown)
        #expect(GRPCStatus(trailers: ("x", nil)).code == .unknown)
    }
}
