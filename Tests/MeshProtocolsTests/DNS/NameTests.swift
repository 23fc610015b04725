import MeshProtocols
import Testing

/// Names: RFC 1035 §2.3.4 (limits), §3.1 (wire form), §4.1.4 (compression).
struct DNSNameTests {
    /// Reads a question whose name starts behind `padding`, the first octets behind the header.
    private func read(_ wire: [UInt8], behind padding: [UInt8] = []) throws(DNSError) -> DNSName {
        var reader = DNSReader(Messages.header() + padding + wire)
        _ = try reader.take(DNSHeader.length + padding.count)
        return try reader.name()
    }

    /// The domains of the example in §4.1.4, at the offsets that it gives.
    @Test func readsTheCompressionExampleOfTheRFC() throws {
        var bytes = [UInt8](repeating: 0, count: 93)
        bytes.replaceSubrange(20..<32, with: [1, 0x46, 3, 0x49, 0x53, 0x49, 4, 0x41, 0x52, 0x50, 0x41, 0])
        bytes.replaceSubrange(40..<46, with: [3, 0x46, 0x4f, 0x4f, 0xc0, 20])
        bytes.replaceSubrange(64..<66, with: [0xc0, 26])
        let expected = [(20, "f.isi.arpa", 32), (40, "foo.f.isi.arpa", 46), (64, "arpa", 66), (92, ".", 93)]
        for (offset, text, end) in expected {
            var reader = DNSReader(bytes)
            _ = try reader.take(offset)
            #expect(try reader.name().description == text)
            #expect(reader.offset == end)
        }
    }

    @Test(
        arguments: [
            ([0xc0, 12], "to itself"), ([0xc0, 14], "forwards"), ([1, 0x61, 0xc0, 12], "to the start of its own name"),
            ([1, 0x61, 0xc0, 14], "to its own pointer"), ([0xff, 0xff], "behind the message"),
        ] as [([UInt8], String)])
    func refusesPointers(_ wire: [UInt8], _ whither: String) {
        #expect(throws: DNSError.pointer) { try read(wire + [0, 0, 0]) }
    }

    @Test func refusesTwoPointersThatMeet() {
        // 12: → 14, 14: → 12; the name starts behind them.
        #expect(throws: DNSError.pointer) { try read([0xc0, 14], behind: [0xc0, 14, 0xc0, 12]) }
    }

    @Test func refusesALongChainOfPointers() throws {
        func chain(_ count: Int) -> (padding: [UInt8], name: [UInt8]) {
            var padding: [UInt8] = [0]
            var last = DNSHeader.length
            for _ in 1..<count {
                let here = DNSHeader.length + padding.count
                padding += [0xc0 | UInt8(last >> 8), UInt8(last & 255)]
                last = here
            }
            return (padding, [0xc0 | UInt8(last >> 8), UInt8(last & 255)])
        }
        let longest = chain(DNSReader.maximumPointers)
        #expect(try read(longest.name, behind: longest.padding) == .root)
        let tooLong = chain(DNSReader.maximumPointers + 1)
        #expect(throws: DNSError.pointer) { try read(tooLong.name, behind: tooLong.padding) }
    }

    @Test(arguments: [0x40, 0x80, 0x7f, 0xbf] as [UInt8])
    func refusesUnknownLabelTypes(_ length: UInt8) {
        #expect(throws: DNSError.label) { try read([length] + [UInt8](repeating: 0x61, count: 200)) }
    }

    @Test func takesLabelsOf63OctetsAndNoMore() throws {
        let longest = String(repeating: "a", count: 63)
        #expect(try #require(DNSName(longest)).wire.count == 65)
        #expect(DNSName(longest + "a") == nil)
        #expect(try read([63] + [UInt8](repeating: 0x61, count: 63) + [0]).description == longest)
    }

    @Test func takesNamesOf255OctetsAndNoMore() throws {
        let label = [63] + [UInt8](repeating: 0x61, count: 63)
        let longest = label + label + label + [61] + [UInt8](repeating: 0x62, count: 61) + [0]
        let name = try read(longest)
        #expect(name.wire.count == DNSName.maximumLength)
        #expect(DNSName(name.description) == name)
        let tooLong = label + label + label + [62] + [UInt8](repeating: 0x62, count: 62) + [0]
        #expect(throws: DNSError.nameTooLong) { try read(tooLong) }
        #expect(DNSName(name.description + "b") == nil)
    }

    @Test func refusesNamesThatGrowTooLongThroughPointers() {
        let label = [63] + [UInt8](repeating: 0x61, count: 63)
        let first = label + label + [0]
        #expect(throws: DNSError.nameTooLong) { try read(label + label + [0xc0, 12], behind: first) }
    }

    @Test(arguments: ["", "."]) func readsTheRoot(_ text: String) { #expect(DNSName(text) == .root) }

    @Test(arguments: ["a..b", ".a", "a..", ".."]) func refusesEmptyLabels(_ text: String) { #expect(DNSName(text) == nil) }

    @Test func comparesWithoutRegardToCaseAndKeepsTheSpelling() {
        let (mixed, lower) = (Messages.name("WaLLet.Default."), Messages.name("wallet.default"))
        #expect(mixed == lower)
        #expect(Set([mixed, lower]).count == 1)
        #expect(mixed.wire != lower.wire)
        #expect(Messages.name("wallet[") != Messages.name("wallet{"))
    }
}
