import MeshProtocols
import Testing

/// Names in logs: whatever a workload puts into one, the line stays one line.
struct DNSNameEscapeTests {
    @Test func namesArePrintable() {
        #expect(DNSName("www.Example.com")!.escaped == "www.example.com" && DNSName.root.escaped == ".")
        let name = DNSName(wire: [6, 0x61, 0x2e, 0x5c, 0x0a, 0x9b, 0x20, 2, 0xe2, 0x80, 0])
        #expect(name.escaped == "a\\.\\\\\\010\\155\\032.\\226\\128")
    }
}
