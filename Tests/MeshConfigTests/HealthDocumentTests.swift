import MeshBalancing
import MeshConfig
import MeshPolicy
import MeshTypes
import Testing

/// `health:` of a policy file (R5.5).
struct HealthDocumentTests {
    private func load(_ text: String) throws -> ServicePolicy {
        let scratch = try Scratch()
        try scratch.write(text, to: "wallet.yaml")
        return try #require(try PolicyDocuments.load(directory: scratch.path, namespace: "default").policies.first)
    }

    @Test func everyKeyIsRead() throws {
        let policy = try load(
            """
            health:
              readiness: {http: /health/ready?deep=1, port: 9000, status: 200-299, interval: 2s, timeout: 500ms, unhealthy: 4, healthy: 5}
              liveness: {tcp: true, interval: 10s, timeout: 2s, unhealthy: 3}
            """)
        let readiness = try #require(policy.health?.readiness)
        #expect(readiness.probe == .http(path: "/health/ready?deep=1", statuses: 200...299) && readiness.port == 9000)
        #expect(readiness.interval == .seconds(2) && readiness.timeout == .milliseconds(500))
        #expect(readiness.unhealthy == 4 && readiness.healthy == 5)
        #expect(readiness.address(of: SocketAddress("10.0.0.1:80")!) == SocketAddress("10.0.0.1:9000")!)
        #expect(policy.health?.liveness?.probe == .tcp && policy.health?.liveness?.port == nil)
        #expect(TrafficRules(policy).health == policy.health)
        #expect(policy.notEnforced(mayBeHTTP: false) == [], "checks need no protocol")
    }

    @Test func whatIsNotSaidHasItsDefault() throws {
        let rules = try #require(try load("health: {readiness: {http: /}, liveness: {tcp: true}}\n").health)
        #expect(
            rules.readiness
                == HealthCheck(
                    probe: .http(path: "/", statuses: 200...399), interval: .seconds(5), timeout: .seconds(1), unhealthy: 3, healthy: 2))
        #expect(rules.liveness == HealthCheck(probe: .tcp, interval: .seconds(10), timeout: .seconds(2), unhealthy: 3, healthy: 1))
        #expect(try load("health: {liveness: {http: /}}\n").health?.readiness == nil)
        #expect(try load("allow: []\n").health == nil)
        let quick = try load("health: {readiness: {http: /, status: 204, interval: 200ms}}\n").health?.readiness
        #expect(quick?.timeout == .milliseconds(200), "the default timeout is never longer than the interval")
        #expect(quick?.probe == .http(path: "/", statuses: 204...204))
    }

    @Test(arguments: [
        ("health: {}\n", "neither `readiness` nor `liveness`"),
        ("health: {readyness: {http: /}}\n", "did you mean \"readiness\""),
        ("health: {ready: {http: /}}\n", "unknown key \"ready\""),
        ("health: {readiness: {}}\n", "neither `http` nor `tcp`"),
        ("health: {readiness: {http: /, tcp: true}}\n", "both `http` and `tcp`"),
        ("health: {readiness: {tcp: false}}\n", "asks for nothing"),
        ("health: {readiness: {tcp: true, status: 200}}\n", "without `http`"),
        ("health: {readiness: {http: health}}\n", "no path of a request"),
        ("health: {readiness: {http: \"/a b\"}}\n", "no path of a request"),
        ("health: {readiness: {http: \"/a\\r\\nhost: x\"}}\n", "without control characters"),
        ("health: {readiness: {http: /, interval: 1s, timeout: 2s}}\n", "timeout of 2s is longer than the interval of 1s"),
        ("health: {readiness: {http: /, interval: 10ms}}\n", "from 100ms to 1h"),
        ("health: {readiness: {http: /, timeout: 2m}}\n", "from 10ms to 1m"),
        ("health: {readiness: {http: /, unhealthy: 0}}\n", "from 1 to 100"),
        ("health: {liveness: {http: /, healthy: 101}}\n", "from 1 to 100"),
        ("health: {readiness: {http: /, port: 0}}\n", "a port"),
        ("health: {readiness: {http: /, status: 299-200}}\n", "where statuses are expected"),
        ("health: {readiness: {http: /, status: 100}}\n", "where statuses are expected"),
        ("health: {readiness: {http: /, status: 200-300-400}}\n", "where statuses are expected"),
        ("health: {readiness: {http: }}\n", "no value"),
        ("health: {readiness: /ready}\n", "where a mapping is expected"),
    ])
    func whatMakesNoSenseIsRefused(text: String, message: String) throws {
        let scratch = try Scratch()
        try scratch.write(text, to: "wallet.yaml")
        let found = errors { () throws(DocumentErrors) in try PolicyDocuments.load(directory: scratch.path, namespace: "default") }
        #expect(found.contains { "\($0)".contains(message) }, "\(found)")
        #expect(found.allSatisfy { $0.line == 1 })
    }
}
