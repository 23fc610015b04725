import MeshConfig
import MeshTypes
import Testing

/// The name servers of a node's resolv.conf.
struct ResolverFileTests {
    private static func read(_ text: String) -> ResolverFile {
        ResolverFile(text, virtual: [IPNetwork("240.64.0.0/16")!, IPNetwork("fd6d:7965:6c69::/96")!])
    }

    @Test func readsServersInTheirOrder() {
        let file = Self.read(
            """
            # nameserver 10.0.0.9
            ; nameserver 10.0.0.8
            search example.com
            nameserver 10.0.0.2
            nameserver\t2001:db8::53   # near
            options edns0 trust-ad
            nameserver 10.0.0.2
            """)
        #expect(file.servers == [SocketAddress("10.0.0.2:53")!, SocketAddress("[2001:db8::53]:53")!] && file.unusable.isEmpty)
    }

    /// systemd-resolved on 127.0.0.53, and a cloud's server on a link-local address: whoever wrote the file chose them.
    @Test func takesTheNodesOwnStub() {
        #expect(
            Self.read("nameserver 127.0.0.53\r\nnameserver 169.254.169.253\r\n").servers.map(\.description) == [
                "127.0.0.53:53", "169.254.169.253:53",
            ])
        #expect(Self.read("nameserver 0.0.0.0\nnameserver ::\n").servers.map(\.ip) == [.v4Loopback, .v6Loopback])
    }

    @Test func saysWhatItDoesNotUse() {
        let file = Self.read("nameserver fe80::1%eth0\nnameserver 224.0.0.1\nnameserver 240.64.0.9\nnameserver dns.example\nnameserver\n")
        #expect(file.servers.isEmpty && file.unusable.count == 4)
        #expect(Self.read("").servers.isEmpty)
    }

    @Test func takesAsManyAsResolversDo() {
        let file = Self.read((1...9).map { "nameserver 10.0.0.\($0)" }.joined(separator: "\n"))
        #expect(file.servers.count == ResolverFile.maximumServers)
    }
}
