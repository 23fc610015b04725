import MeshProtocols
import MeshTypes
import Testing

/// Names of addresses: RFC 1035 §3.5, RFC 3596 §2.5.
struct DNSReverseNameTests {
    @Test(arguments: [
        ("240.64.0.2", "2.0.64.240.in-addr.arpa"),
        ("4321:0:1:2:3:4:567:89ab", "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa"),
    ])
    func nameAndAddressMeanEachOther(_ address: String, _ name: String) throws {
        let address = try #require(IPAddress(address))
        #expect(DNSReverseName.name(of: address).description == name)
        #expect(DNSReverseName.meaning(of: Messages.name(name.uppercased())) == .address(address))
    }

    @Test func shorterNamesAreNetworks() {
        #expect(DNSReverseName.meaning(of: Messages.name("64.240.in-addr.arpa")) == .network(IPAddress("240.64.0.0")!, prefix: 16))
        #expect(DNSReverseName.meaning(of: Messages.name("7.d.6.d.f.ip6.arpa")) == .network(IPAddress("fd6d:7000::")!, prefix: 20))
    }

    @Test(arguments: [
        "in-addr.arpa", "256.0.0.10.in-addr.arpa", "x.0.0.10.in-addr.arpa", "1.2.3.4.5.in-addr.arpa", "g.ip6.arpa", "10.ip6.arpa",
        "in-addr.arpa.example", "1.0.0.127.example",
    ])
    func otherNamesAreNoAddresses(_ name: String) { #expect(DNSReverseName.meaning(of: Messages.name(name)) == nil) }

    @Test(arguments: [
        ("240.64.0.0", 16, "64.240.in-addr.arpa"), ("240.0.0.0", 12, "0.240.in-addr.arpa"),
        ("fd6d:7965:6c69::", 48, "9.6.c.6.5.6.9.7.d.6.d.f.ip6.arpa"),
    ])
    func networksHaveAZone(_ address: String, _ prefix: Int, _ zone: String) {
        #expect(DNSReverseName.zone(of: IPAddress(address)!, prefix: prefix).description == zone)
    }

    @Test func zonesHoldWhatEndsAsTheyDo() {
        let zone = Messages.name("cluster.local")
        for name in ["cluster.local", "a.CLUSTER.local", "b.a.cluster.Local"] { #expect(Messages.name(name).isWithin(zone)) }
        for name in ["local", "mycluster.local", "cluster.local.example", "acluster.local"] { #expect(!Messages.name(name).isWithin(zone)) }
        #expect(zone.isWithin(.root))
    }

    @Test func spellingKeepsTheName() {
        let name = Messages.name("www.Example-1.com")
        #expect(name.spelled(by: 0).wire == Messages.name("www.example-1.com").wire)
        #expect(name.spelled(by: .max).wire == Messages.name("WWW.EXAMPLE-1.COM").wire)
        let mixed = name.spelled(by: 0b1010)
        #expect(mixed == name && mixed.wire == Messages.name("wWw.Example-1.com").wire)
    }
}
