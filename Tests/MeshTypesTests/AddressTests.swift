import MeshTypes
import Testing

@Suite struct AddressTests {
    @Test(arguments: [
        "10.1.2.3:80", "[2001:db8::1]:443", "[::1]:15001", "255.255.255.255:65535", "0.0.0.0:0",
    ])
    func printsWhatItReads(text: String) throws {
        #expect(try #require(SocketAddress(text)).description == text)
    }

    @Test(arguments: ["", "10.1.2.3", "10.1.2:80", "10.1.2.3:65536", "10.1.2.3:-1", "2001:db8::1:80", "[::1]", "wallet:80", "[10.0.0.1:80"])
    func refusesOtherText(text: String) {
        #expect(SocketAddress(text) == nil)
    }

    @Test func keepsV4Mapped() throws {
        let mapped = try #require(IPAddress("::ffff:10.0.0.1"))
        #expect(mapped.isV4)
        #expect(mapped == IPAddress("10.0.0.1"))
        #expect(mapped.v4 == 0x0a00_0001)
    }

    @Test func tellsLoopback() throws {
        #expect(try #require(IPAddress("127.8.9.1")).isLoopback)
        #expect(try #require(IPAddress("::1")).isLoopback)
        #expect(!(try #require(IPAddress("128.0.0.1")).isLoopback))
    }

    @Test func measuresDistance() {
        let here = Locality(region: "eu", zone: "a", node: "n1")
        #expect(here.distance(to: Locality(region: "eu", zone: "a", node: "n1")) == .node)
        #expect(here.distance(to: Locality(region: "eu", zone: "a", node: "n2")) == .zone)
        #expect(here.distance(to: Locality(region: "eu", zone: "b", node: "n2")) == .region)
        #expect(here.distance(to: Locality(region: "us", zone: "b", node: "n2")) == .elsewhere)
        #expect(Locality(region: "", zone: "", node: "").distance(to: Locality(region: "", zone: "", node: "")) == .elsewhere)
    }
}
