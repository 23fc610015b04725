import MeshConfig
import MeshPolicy
import MeshRouting
import MeshTypes
import Testing

/// `request_headers`, `response_headers` and `rewrite` in policy files (R4.4).
struct ChangesDocumentTests {
    private func load(_ text: String) throws -> ServicePolicy {
        let scratch = try Scratch()
        try scratch.write(text, to: "wallet.yaml")
        return try #require(try PolicyDocuments.load(directory: scratch.path, namespace: "default").policies.first)
    }

    private let text = """
        request_headers: {set: {X-A: b, x-n: 1}, add: {x-d: "e f"}, remove: [x-c]}
        response_headers: {remove: [server]}
        rewrite: {prefix: /v2/, host: wallet.internal:8080}
        routes:
          - match: {prefix: /old/}
            rewrite: {prefix: /new/}
          - match: {path: /one}
            rewrite: {path: /two}
            request_headers: {set: {x-own: yes}}
        """

    @Test func everyKeyIsRead() throws {
        let policy = try load(text)
        #expect(policy.changes.request == HeaderChanges(set: [("x-a", "b"), ("x-n", "1")], add: [("x-d", "e f")], remove: ["x-c"]))
        #expect(policy.changes.response == HeaderChanges(remove: ["server"]))
        #expect(policy.changes.rewrite?.path == .prefix(Array("/".utf8), with: Array("/v2/".utf8)))
        #expect(policy.changes.rewrite?.host == Array("wallet.internal:8080".utf8))
        #expect(policy.notEnforced(mayBeHTTP: true) == [])
        #expect(Set(policy.notEnforced(mayBeHTTP: false)).isSuperset(of: ["request_headers", "response_headers", "rewrite"]))
    }

    @Test func whoCallsIsToldWhereThePolicyAsksForIt() throws {
        let policy = try load("identity_header: xfcc\nforwarded_from: [edge, other_edge]\n")
        #expect(policy.identity.header == .xfcc)
        #expect(policy.identity.forwarders == [try #require(ServiceName("edge")), try #require(ServiceName("other-edge"))])
        #expect(TrafficRules(policy).identity == policy.identity)
        #expect(policy.notEnforced(mayBeHTTP: true) == [])
        #expect(policy.notEnforced(mayBeHTTP: false) == ["identity_header", "forwarded_from"])
        #expect(try load("allow: []\n").identity == ServicePolicy.Identity())
    }

    @Test func aRoutesOwnReplaceTheFiles() throws {
        let rules = TrafficRules(try load(text))
        #expect(rules.routes[0].changes.rewrite?.path == .prefix(Array("/old/".utf8), with: Array("/new/".utf8)))
        #expect(rules.routes[0].changes.rewrite?.host == nil)
        #expect(rules.routes[0].changes.request == rules.changes.request)
        #expect(rules.routes[1].changes.rewrite?.path == .whole(Array("/two".utf8)))
        #expect(rules.routes[1].changes.request == HeaderChanges(set: [("x-own", "yes")]))
        #expect(rules.routes[1].changes.response == rules.changes.response)
    }

    @Test(arguments: [
        ("request_headers: {set: {Host: a}}\n", 25, "rewrite: {host"),
        ("request_headers: {set: {Content-Length: 5}}\n", 25, "leave it out"),
        ("response_headers: {remove: [transfer-encoding]}\n", 29, "leave it out"),
        ("request_headers: {add: {x-myelin-deadline: 5}}\n", 25, "leave it out"),
        ("request_headers: {set: {X-Forwarded-Client-Cert: a}}\n", 25, "identity_header: xfcc"),
        ("request_headers: {set: {ssl_client_verify: a}}\n", 25, "identity_header: xfcc"),
        ("identity_header: all\n", 18, "xfcc"),
        ("request_headers: {set: {x a: b}}\n", 25, "letters, digits"),
        ("request_headers: {set: {x-a: \"b\\r\\nx-c: d\"}}\n", 30, "one line"),
        ("request_headers: {set: {x-a: }}\n", 30, "one line"),
        ("request_headers: {set: {x-a: b}, remove: [X-A]}\n", 43, "set replaces"),
        ("request_headers: {set: {}}\n", 18, "name a field"),
        ("request_headers: {put: {x-a: b}}\n", 19, "add, remove, set"),
        ("rewrite: {path: new}\n", 17, "begin it with /"),
        ("rewrite: {path: /a?b}\n", 17, "without a query"),
        ("rewrite: {path: /a/../b}\n", 17, ".."),
        ("rewrite: {path: /a, prefix: /b}\n", 10, "leave one"),
        ("rewrite: {host: \"a b\"}\n", 17, "a name or an address"),
        ("rewrite: {}\n", 10, "`path`, `prefix` or `host`"),
        ("rewrite: {prefix: /v2}\n", 19, "end both in /"),
        ("routes: [{match: {path: /a}, rewrite: {prefix: /b}}]\n", 48, "match a prefix"),
        ("routes: [{match: {prefix: /a}, rewrite: {prefix: /b/}}]\n", 50, "end both in /"),
        ("routes: [{match: {path: /a}, rewrite: {path: /b}, redirect: {location: /c}}]\n", 10, "leave one"),
    ])
    func whatMayNotBeTouchedIsRefusedWithItsPlace(text: String, column: Int, advice: String) throws {
        let scratch = try Scratch()
        try scratch.write(text, to: "wallet.yaml")
        let found = errors { () throws(DocumentErrors) in try PolicyDocuments.load(directory: scratch.path, namespace: "default") }
        let error = try #require(found.first { $0.column == column }, "\(found)")
        #expect(error.line == 1 && error.suggestion.contains(advice), "\(error)")
    }

    @Test func fieldsAreBounded() throws {
        let names = (0...HeaderChanges.maximumFields).map { "x-\($0)" }
        let scratch = try Scratch()
        try scratch.write("request_headers: {remove: [\(names.joined(separator: ", "))]}\n", to: "wallet.yaml")
        let found = errors { () throws(DocumentErrors) in try PolicyDocuments.load(directory: scratch.path, namespace: "default") }
        #expect(found.first?.message.contains("at most \(HeaderChanges.maximumFields)") == true, "\(found)")
        _ = try load("request_headers: {remove: [\(names.dropLast().joined(separator: ", "))]}\n")
    }
}
