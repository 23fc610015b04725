import Foundation
import MeshConfig
import MeshTypes
import Testing

@Suite struct SourcesDocumentTests {
    private static let node = "node: {name: n, address: 10.0.0.1}\n"

    private func load(_ text: String) throws -> NodeConfiguration {
        let scratch = try Scratch()
        return try NodeConfiguration.load(file: try scratch.write(Self.node + text, to: "node.yaml"))
    }

    private func complaints(_ text: String) throws -> [DocumentError] {
        let scratch = try Scratch()
        let file = try scratch.write(Self.node + text, to: "node.yaml")
        return errors { () throws(DocumentErrors) in try NodeConfiguration.load(file: file) }
    }

    @Test func aPathAndAMappingAreBothUnderstood() throws {
        #expect(try load("").registry.files == "/etc/myelin/registry")
        #expect(try load("registry: /r\n").registry.files == "/r")
        let mapped = try load("registry: {files: /r, order: [consul, etcd/west, files], loss_grace: 5m}\nadmin: {group: mesh}\n")
        #expect(mapped.registry.files == "/r" && mapped.registry.lossGrace == .seconds(300) && mapped.admin.group == "mesh")
        #expect(mapped.registry.order.map(\.description) == ["consul", "etcd/west", "files"])
        #expect(try load("registry: {loss_grace: 5m}\n").registry.files == nil)
    }

    @Test func rulesOfDiscoveryAreReadWithTheirVariables() throws {
        let rules = try load(
            """
            discovery:
              - {unit: "wallet@{port}.service", service: wallet, port: "{port}", service_port: 8081, netns: host}
              - {cgroup: "/kube/{name}-*/x", service: "{name}", namespace: pay, port: 80, protocol: http, version: "v-{name}", weight: 3}

            """
        ).discovery
        #expect(rules.map(\.pattern) == ["wallet@{port}.service", "/kube/{name}-*/x"])
        #expect(rules.map(\.servicePort) == [8081, 80] && rules.map(\.sharesNodeNamespace) == [true, false])
        #expect(rules[1].namespace == "pay" && rules[1].applicationProtocol == .http && rules[1].weight == 3)
        #expect(rules[1].service.filled(["name": "wallet"]) == "wallet")
    }

    @Test func whatIsRenderedReadsBack() throws {
        let first = try load(
            """
            registry: {files: /r, order: [dns], loss_grace: 2m}
            admin: {group: mesh}
            discovery: [{unit: "w@{n}.service", service: "w-{n}", port: 80, version: "{n}"}, {cgroup: "/a/*", service: b, netns: "/run/netns/b"}]

            """)
        let scratch = try Scratch()
        let second = try NodeConfiguration.load(file: try scratch.write(first.rendered, to: "node.yaml"))
        #expect(first.rendered == second.rendered && second.discovery.count == 2 && second.registry.order == [SourceName(.dns)])
    }

    @Test(arguments: [
        ("registry: {order: [fils]}\n", "did you mean \"files\""), ("registry: {order: [etcd, etcd]}\n", "names etcd twice"),
        ("registry: {loss_grace: 0s}\n", "a time from 1s to 24h"), ("registry: {file: /r}\n", "did you mean \"files\""),
        ("discovery: [{service: a, port: 80}]\n", "needs a `cgroup` or a `unit`"),
        ("discovery: [{unit: a.service, cgroup: /a, service: a}]\n", "needs a `cgroup` or a `unit`"),
        ("discovery: [{unit: \"a*{b}.service\", service: a}]\n", "which is no pattern"),
        ("discovery: [{unit: \"a@{b.service\", service: a}]\n", "which is no pattern"),
        ("discovery: [{unit: a.timer, service: a}]\n", "is no unit with processes"),
        ("discovery: [{unit: a.service, service: \"{x}\"}]\n", "which the pattern does not set"),
        ("discovery: [{unit: \"a@{kind}.service\", service: \"{knd}\"}]\n", "did you mean \"kind\""),
        ("discovery: [{unit: \"a@{p}.service\", service: a, port: \"{p}\"}]\n", "differs between instances"),
        ("discovery: [{unit: a.service, service: \"A B\"}]\n", "a name of lower-case letters"),
        ("discovery: [{unit: a.service, service: a, port: 0}]\n", "a port from 1 to 65535"),
        ("discovery: [{unit: a.service}]\n", "`service` is missing"), ("discovery: [{cgroup: /../a, service: a}]\n", "an absolute path"),
        ("discovery: [{cgroup: /, service: a}]\n", "has no name"),
        ("discovery: [{unit: a.service, service: a, netns: pod}]\n", "is neither `host`"),
        ("discovery: [{cgroup: \"/{a}/{a}\", service: a}]\n", "uses a variable twice"), ("admin: {group: }\n", "has no value"),
    ])
    func mistakesAreNamed(text: String, message: String) throws {
        let found = try complaints(text)
        #expect(found.count == 1 && found.first?.description.contains(message) == true, "\(found)")
    }
}

@Suite struct NamePatternTests {
    @Test(arguments: [
        ("wallet@{n}.service", "wallet@7.service", ["n": "7"]), ("wallet*", "wallet", [:]), ("*.service", "a.service", [:]),
        ("{a}-{b}", "x-y-z", ["a": "x", "b": "y-z"]), ("a*b*c", "aXbYbZc", [:]), ("wallet", "wallet", [:]),
    ])
    func matches(pattern: String, name: String, variables: [String: String]) {
        #expect(NamePattern(pattern)?.match(name) == variables)
    }

    @Test(arguments: [("wallet@{n}.service", "wallet@.service"), ("wallet", "wallets"), ("a*b", "acbd"), ("{a}-{b}", "-x")])
    func doesNotMatch(pattern: String, name: String) {
        #expect(NamePattern(pattern) != nil && NamePattern(pattern)?.match(name) == nil)
    }

    @Test(arguments: ["", "{", "}", "{}", "{A}", "**", "*{a}", "{a}{b}", "{a}-{a}", "*a*b*c*d*e"])
    func isNoPattern(text: String) { #expect(NamePattern(text) == nil) }
}
