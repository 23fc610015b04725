import MeshTypes
import Testing

@Suite struct ServiceIdentityTests {
    @Test(arguments: [("wallet", "wallet"), ("chain_rpc", "chain-rpc"), ("LLM-Proxy", "llm-proxy"), ("a1", "a1")])
    func normalisesNames(text: String, label: String) {
        #expect(ServiceName(text)?.label == label)
    }

    @Test(arguments: ["", "-a", "a-", "a.b", "a b", "ü", "_a", String(repeating: "a", count: 64), "a\0"])
    func refusesWhatIsNoLabel(text: String) {
        #expect(ServiceName(text) == nil)
    }

    @Test func namesItsCertificate() throws {
        let wallet = ServiceIdentity(namespace: "default", name: try #require(ServiceName("wallet")))
        #expect(wallet.serverName == "wallet.default.svc")
        #expect(
            SPIFFEID(trustDomain: "daarion.city", service: wallet).description
                == "spiffe://daarion.city/ns/default/sa/wallet")
    }

    @Test func readsItsOwnSPIFFEID() throws {
        let id = try #require(SPIFFEID("spiffe://daarion.city/ns/default/sa/wallet"))
        #expect(SPIFFEID(id.description) == id)
        #expect(id.trustDomain == "daarion.city" && id.service.name.label == "wallet")
    }

    @Test(arguments: [
        "", "spiffe://", "https://daarion.city/ns/default/sa/wallet", "spiffe://daarion.city/ns/default/sa/",
        "spiffe://daarion.city/ns/default/sa/wallet/", "spiffe://daarion.city/ns//sa/wallet", "spiffe:///ns/default/sa/wallet",
        "spiffe://Daarion.city/ns/default/sa/wallet", "spiffe://daarion.city/ns/default/sa/Wallet",
        "spiffe://daarion.city/ns/default/sa/chain_rpc", "spiffe://daarion.city:1/ns/default/sa/wallet",
        "spiffe://d/ns/default/sa/wallet?x=1", "spiffe://d/ns/default/sa/wallet#f", "spiffe://d/sa/default/ns/wallet",
    ])
    func refusesOtherSPIFFEIDs(text: String) {
        #expect(SPIFFEID(text) == nil)
    }
}
