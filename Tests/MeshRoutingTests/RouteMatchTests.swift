import MeshProtocols
import MeshRouting
import Testing

struct RouteMatchTests {
    private func matches(_ match: RouteMatch, _ request: String) -> Bool {
        let head = request.replacing("\n", with: "\r\n") + "\r\nhost: a\r\n\r\n"
        return Array(head.utf8).withUnsafeBytes { bytes in
            var fields = FieldTable()
            guard case .success(let parsed) = RequestHead.parse(bytes, into: &fields) else {
                Issue.record("\(request) is no request")
                return false
            }
            return match.matches(parsed, fields, bytes)
        }
    }

    private func matches(_ pattern: PathPattern?, path: String) -> Bool {
        var match = RouteMatch()
        guard let pattern else {
            Issue.record("no pattern")
            return false
        }
        match.path = pattern
        return matches(match, "GET \(path) HTTP/1.1")
    }

    @Test(arguments: [
        ("/internal/v1/wallet/payout/claim", true), ("/internal/v1/wallet/payout/claim?x=1", true), ("/internal/v1/wallet/payout", false),
        ("/internal/v1/wallet/payout/claim/", false), ("/internal/v1/Wallet/payout/claim", false), ("/", false),
    ])
    func anOperationIsItsWholePath(path: String, expected: Bool) {
        #expect(matches(.operation("payout/claim", of: "wallet"), path: path) == expected)
    }

    @Test(arguments: [("/a/", "/a/b", true), ("/a/", "/a", true), ("/a/", "/ab", false), ("/a", "/ab", true), ("/", "/", true)])
    func aPrefixIsTheStart(prefix: String, path: String, expected: Bool) {
        #expect(matches(.prefix(Array(prefix.utf8)), path: path) == expected)
    }

    @Test(arguments: [
        ("/users/{id}/orders", "/users/7/orders", true), ("/users/{id}/orders", "/users//orders", false),
        ("/users/{id}/orders", "/users/7/orders/1", false), ("/users/{id}", "/users/7", true), ("/users/{id}", "/users/7/8", false),
        ("/users/{id}", "/users", false), ("/{a}/{b}", "/x/y?z", true), ("/", "/", true),
    ])
    func aTemplateTakesOneSegmentForEachBrace(template: String, path: String, expected: Bool) {
        #expect(matches(PathPattern(template: template), path: path) == expected)
    }

    @Test(arguments: ["users/{id}", "/users/x{id}", "/users/{}", ""])
    func aBadTemplateIsNone(template: String) { #expect(PathPattern(template: template) == nil) }

    @Test func allConditionsMustHold() {
        var match = RouteMatch()
        match.methods = [Array("GET".utf8), Array("HEAD".utf8)]
        match.headers = [.init(name: "x-tier", value: "gold"), .init(name: "x-any", value: nil)]
        match.query = [.init(name: "beta", value: "1"), .init(name: "flag", value: nil)]
        #expect(matches(match, "GET /?beta=1&flag HTTP/1.1\nX-Tier: gold\nX-Any: whatever"))
        #expect(!matches(match, "POST /?beta=1&flag HTTP/1.1\nX-Tier: gold\nX-Any: whatever"))
        #expect(!matches(match, "GET /?beta=1&flag HTTP/1.1\nX-Tier: silver\nX-Any: whatever"))
        #expect(!matches(match, "GET /?beta=1&flag HTTP/1.1\nX-Tier: gold"))
        #expect(!matches(match, "GET /?beta=10&flag HTTP/1.1\nX-Tier: gold\nX-Any: whatever"))
        #expect(!matches(match, "GET /?beta=1 HTTP/1.1\nX-Tier: gold\nX-Any: whatever"))
        #expect(matches(match, "HEAD /?flag=0&beta=1 HTTP/1.1\nX-Tier: silver\nX-Any: 1\nx-tier: gold"))
    }

    @Test func aSplitKeepsItsShares() {
        var random = SystemRandomNumberGenerator()
        let split = [VersionShare(version: "v1", weight: 90), VersionShare(version: "v2", weight: 10)]
        let second = (0..<20_000).count { _ in split.drawn(using: &random)?.version == "v2" }
        #expect((1600...2400).contains(second))
    }

    @Test func aFaultStrikesItsShare() {
        var random = SystemRandomNumberGenerator()
        var fault = InjectedFault()
        #expect(fault.strikes(using: &random))
        fault.share = 1000
        let struck = (0..<20_000).count { _ in fault.strikes(using: &random) }
        #expect((1600...2400).contains(struck))
        fault.share = 0
        #expect(!fault.strikes(using: &random))
    }
}
