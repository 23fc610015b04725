import MeshProtocols
import Testing

/// Whatever bytes come, reading ends, in time, with a message or a reason.
struct DNSRobustnessTests {
    /// What is read can be written and read again as the same.
    private func check(_ bytes: [UInt8]) {
        _ = DNSMessage.opening(of: bytes)
        guard let message = try? DNSMessage(bytes) else { return }
        let again = message.encoded()
        #expect(again.count <= DNSMessage.maximumLength)
        // Carried data may hold pointers of the old message; everything else is equal.
        guard let second = try? DNSMessage(again), !second.header.isTruncated || message.header.isTruncated else { return }
        #expect(second.question == message.question)
        #expect(second.options == message.options)
    }

    @Test func refusesEveryPrefixOfAMessage() {
        let bytes = Messages.answer.encoded()
        for length in bytes.indices {
            #expect(throws: DNSError.truncated, "\(length)") { try DNSMessage(Array(bytes[..<length])) }
        }
    }

    @Test(arguments: Corpus.messages) func replays(_ name: String) throws {
        let bytes = try Corpus.bytes(name, in: "dns")
        check(bytes)
        let isTaken = (try? DNSMessage(bytes)) != nil
        #expect(isTaken == name.hasPrefix("valid-"), "\(name)")
    }

    @Test(.timeLimit(.minutes(1)), arguments: [1, 2, 3] as [UInt64])
    func survivesMutations(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let sources = [Messages.answer.encoded()] + (try Corpus.messages.map { try Corpus.bytes($0, in: "dns") })
        let end = ContinuousClock.now + .milliseconds(300)
        while ContinuousClock.now < end {
            var bytes = sources.randomElement(using: &random)!
            for _ in 0..<Int.random(in: 1...8, using: &random) where !bytes.isEmpty {
                let at = Int.random(in: bytes.indices, using: &random)
                switch Int.random(in: 0..<5, using: &random) {
                case 0: bytes[at] = .random(in: 0...255, using: &random)
                case 1: bytes[at] = 0xc0
                case 2: bytes.remove(at: at)
                case 3: bytes.insert(contentsOf: bytes[at...].prefix(20), at: at)
                default: bytes.removeSubrange(at...)
                }
            }
            check(bytes)
        }
    }

    /// The worst that 65,535 octets hold: records whose owners are chains of pointers as long as they may be.
    @Test func readsTheCostliestMessageInTime() {
        var bytes = Messages.header() + [0, 0, 16, 0, 1]
        bytes[6...7] = [0x01, 0xff]
        bytes += [0, 0, 16, 0, 1, 0, 0, 0, 0, 0x40, 0]
        var last = 12
        let end = bytes.count + 0x3000
        while bytes.count < end {
            let here = bytes.count
            bytes += [0xc0 | UInt8(last >> 8), UInt8(last & 255)]
            last = here
        }
        bytes += [UInt8](repeating: 0, count: 0x4000 - 0x3000)
        for _ in 0..<510 { bytes += [0xc0 | UInt8(last >> 8), UInt8(last & 255), 0, 16, 0, 1, 0, 0, 0, 0, 0, 0] }
        let clock = ContinuousClock()
        #expect(clock.measure { #expect(throws: DNSError.pointer) { try DNSMessage(bytes) } } < .milliseconds(100))
    }
}
