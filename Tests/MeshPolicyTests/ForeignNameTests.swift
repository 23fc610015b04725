import MeshPolicy
import MeshTypes
import Testing

/// Entries of `dns.names`.
struct ForeignNameTests {
    @Test(arguments: [
        ("*", ForeignName.any), ("api.example.com", .exactly("api.example.com")), ("API.Example.com.", .exactly("api.example.com")),
        ("*.example.com", .below("example.com")), ("_http._tcp.example.com", .exactly("_http._tcp.example.com")), ("*.com", .below("com")),
        ("intranet", .exactly("intranet")), ("xn--bcher-kva.example", .exactly("xn--bcher-kva.example")),
    ])
    func readsNames(text: String, name: ForeignName) { #expect(ForeignName(text) == name) }

    @Test(arguments: [
        "", ".", "*.", "**", "*example.com", "www.*.example.com", "*.*.example.com", "a..b", "-a.example", "a-.example", "a b.example",
        "bücher.example",
        "a/b", "http://example.com", "example.com:53", String(repeating: "a", count: 64) + ".example",
        String(repeating: "abcdefgh.", count: 40) + "example",
    ])
    func refusesWhatIsNoName(text: String) { #expect(ForeignName(text) == nil) }

    @Test func aServiceWithoutAListMayAskForNothing() {
        let location = RuleLocation(file: "a.yaml", line: 1, column: 1)
        var policy = ServicePolicy(service: ServiceName("a")!, location: location)
        policy.foreignNames = [.below("example.com")]
        let set = PolicySet([policy, ServicePolicy(service: ServiceName("b")!, location: location)], namespace: "default")
        func names(_ namespace: String, _ service: String) -> [ForeignName] {
            set.foreignNames(of: ServiceIdentity(namespace: namespace, name: ServiceName(service)!))
        }
        #expect(names("default", "a") == [.below("example.com")])
        #expect(names("default", "b").isEmpty && names("default", "c").isEmpty && names("other", "a").isEmpty)
    }
}
