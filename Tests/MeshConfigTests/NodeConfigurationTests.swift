import Foundation
import MeshConfig
import MeshTypes
import Testing

@Suite struct NodeConfigurationTests {
    private func load(_ text: String) throws -> NodeConfiguration {
        try NodeConfiguration.load(file: try Scratch().write(text, to: "node.yaml"))
    }

    private func complaints(_ text: String) throws -> [DocumentError] {
        let scratch = try Scratch()
        let file = try scratch.write(text, to: "node.yaml")
        return errors { () throws(DocumentErrors) in try NodeConfiguration.load(file: file) }
    }

    @Test func nameAndAddressAreEnough() throws {
        let scratch = try Scratch()
        let file = try scratch.write("node: {name: node-1, address: 10.0.0.1}\n", to: "node.yaml")
        let configuration = try NodeConfiguration.load(file: file)
        #expect(configuration.node.name == "node-1" && configuration.tunnel.port == 15008 && configuration.capture.unknown == .refuse)
        #expect(configuration.authorityDirectory == "/var/lib/myelin/ca" && configuration.statusSocket == "/run/myelin/status.sock")
    }

    @Test func whatIsRenderedReadsBackAsTheSame() throws {
        let scratch = try Scratch()
        let file = try scratch.write(
            """
            node: {name: "a \\"b\\"", address: "fd00::1", zone: z, region: r}
            trust_domain: daarion.city
            aliases: {agent: agent-orchestrator}
            workers: 3
            capture: {cgroup: /kubepods, daemon_cgroup: /myelin, unknown: pass, closed: [/kubepods, /a.slice/], direct: false, objects: /opt/o}
            tunnel: {port: 15009, keepalive: 20s, connect_timeout: 500ms}
            dns: {domain: mesh.local, upstream: [10.0.0.2, "[fd00::2]:5353"], virtual_v4: 240.0.0.0/12, view: callable, single_labels: forward,
                  timeout: 2s, trust_ad: true, resolv_conf: /run/r, foreign: audit, cache: {megabytes: 3, stale: 90m}}
            ca: {directory: /ca, lifetime: 12h}
            metrics: {listen: "[::1]:9000"}
            log: {access: "off", level: debug}
            spiffe: {workload_api: {socket: /run/spiffe/w.sock}}
            limits: {redis: "rediss://[fd00::9]/3", username: u, password_file: /p, ca_file: /c, timeout: 50ms, unavailable: refuse}
            """, to: "node.yaml")
        let first = try NodeConfiguration.load(file: file)
        try scratch.write(first.rendered, to: "again.yaml")
        let second = try NodeConfiguration.load(file: scratch.path + "/again.yaml")
        #expect(first.rendered == second.rendered)
        #expect(second.dns.upstream == [SocketAddress("10.0.0.2:53")!, SocketAddress("[fd00::2]:5353")!])
        #expect(second.dns.view == .callable && second.dns.singleLabels == .forward && second.dns.timeout == .seconds(2))
        #expect(second.dns.resolverFile == "/run/r" && second.dns.foreign == .audit)
        #expect(second.dns.trustAD && second.dns.cacheMegabytes == 3 && second.dns.stale == .seconds(5400))
        #expect(second.limits.redis?.host == "fd00::9" && second.limits.redis?.port == 6379 && second.limits.redis?.database == 3)
        #expect(second.spiffe.workloadSocket == "/run/spiffe/w.sock" && second.spiffe.agentSocket == nil)
        #expect(second.limits.redis?.usesTLS == true && second.limits.username == "u" && second.limits.passwordFile == "/p")
        #expect(second.limits.authorityFile == "/c" && second.limits.timeout == .milliseconds(50) && second.limits.unavailable == .refuse)
        #expect(second.capture.closed == ["/kubepods", "/a.slice"])
        #expect(second.capture.unknown == .pass && second.log.access == "" && second.tunnel.connectTimeout == .milliseconds(500))
    }

    @Test func theDefaultsAreRenderedSoThatTheyReadBack() throws {
        let scratch = try Scratch()
        let first = try NodeConfiguration.load(file: try scratch.write("node: {name: n, address: 10.0.0.1}\n", to: "node.yaml"))
        let second = try NodeConfiguration.load(file: try scratch.write(first.rendered, to: "again.yaml"))
        #expect(first.rendered == second.rendered)
    }

    @Test(arguments: [
        ("node: {name: n, address: 10.0.0.1}\nworkerz: 2\n", "did you mean \"workers\"?"),
        ("node: {name: n}\n", "add it"),
        ("node: {name: n, address: here}\n", ""),
        ("node: {name: n, address: 10.0.0.1}\ntunnel: {port: 70000}\n", ""),
        ("node: {name: n, address: 10.0.0.1}\ntunnel: {port: 0}\n", ""),
        ("node: {name: n, address: 10.0.0.1}\ntunnel: {port: 15001}\n", "use 15008"),
        ("node: {name: n, address: 10.0.0.1}\nmetrics: {listen: \"0.0.0.0:9000\"}\n", "127.0.0.1"),
        ("node: {name: n, address: 10.0.0.1}\nstate: var/lib\n", ""),
        ("node: {name: n, address: 10.0.0.1}\nca: {lifetime: 1s}\n", ""),
        ("node: {name: n, address: 10.0.0.1}\ndns: {virtual_v4: 240.64.0.1/16}\n", ""),
        ("node: {name: n, address: 10.0.0.1}\ndns: {virtual_v4: 240.64.0.0/31}\n", "/8 to /28"),
        ("node: {name: n, address: 10.0.0.1}\ndns: {foreign: allow}\n", "audit"),
        ("node: {name: n, address: 10.0.0.1}\ndns: {resolv_conf: resolv.conf}\n", ""),
        ("node: {name: n, address: 10.0.0.1}\ndns: {upstream: [224.0.0.251]}\n", "it listens"),
        ("node: {name: n, address: 10.0.0.1}\ndns: {view: some}\n", "callable"),
        ("node: {name: n, address: 10.0.0.1}\ndns: {upstream: [10.0.0.2, \"10.0.0.2:53\"]}\n", "keep one"),
        (
            "node: {name: n, address: 10.0.0.1}\ndns: {upstream: [1.1.1.1, 1.1.1.2, 1.1.1.3, 1.1.1.4, 1.1.1.5, 1.1.1.6, 1.1.1.7, 1.1.1.8, 1.1.1.9]}\n",
            "nearest"
        ),
        ("node: {name: n, address: 10.0.0.1}\ndns: {cache: {megabytes: 5000}}\n", ""),
        ("node: {name: n, address: 10.0.0.1}\ndns: {cache: {stale: 30d}}\n", ""),
        ("node: {name: n, address: 10.0.0.1}\ndns: {timeout: 1m}\n", ""),
        ("node: {name: n, address: 10.0.0.1}\naliases: {agent: agent}\n", "remove it"),
        ("node: {name: n, address: 10.0.0.1}\naliases: {a: b, b: c}\n", "service itself"),
        ("node: {name: n, address: 10.0.0.1}\naliases: {a_b: c, a-b: d}\n", "keep one"),
        ("node: {name: n, address: 10.0.0.1}\ntunnel: {port: 15020}\n", "15008"),
        ("node: {name: n, address: 10.0.0.1}\ntunnel: {port: 15053}\n", "15008"),
        ("node: {name: n, address: 0.0.0.0}\n", "other nodes"),
        ("node: {name: n, address: 224.0.0.1}\n", "other nodes"),
        ("node: {name: n, address: \"ff02::1\"}\n", "other nodes"),
        ("node: {name: n, address: 240.64.1.1}\n", "virtual"),
        ("node: {name: n, address: 10.0.0.1}\ndns: {upstream: [240.64.0.9]}\n", "virtual"),
        ("node: {name: \"a\\nb\", address: 10.0.0.1}\n", ""),
        ("node: {name: n, address: 10.0.0.1}\nrun: /\(String(repeating: "r", count: 100))\n", "shorter"),
        ("node: {name: n, address: 10.0.0.1}\ncapture: {cgroup: /a/b, daemon_cgroup: /a}\n", "of its own"),
        ("node: {name: n, address: 10.0.0.1}\ncapture: {daemon_cgroup: /}\n", "of its own"),
        ("node: {name: n, address: 10.0.0.1}\nlimits: {redis: \"10.0.0.9:6379\"}\n", "redis://10.0.0.9:6379/0"),
        ("node: {name: n, address: 10.0.0.1}\nlimits: {redis: \"redis://fd00::1/0\"}\n", "in brackets"),
        ("node: {name: n, address: 10.0.0.1}\nlimits: {redis: \"redis://h:0\"}\n", ""),
        ("node: {name: n, address: 10.0.0.1}\nlimits: {redis: \"redis://h/x\"}\n", ""),
        ("node: {name: n, address: 10.0.0.1}\nlimits: {redis: \"redis://u:p@h\"}\n", "`password_file`"),
        ("node: {name: n, address: 10.0.0.1}\nlimits: {unavailable: local}\n", "leave `limits` out"),
        ("node: {name: n, address: 10.0.0.1}\nlimits: {redis: \"redis://h\", username: u}\n", "holds the password"),
        ("node: {name: n, address: 10.0.0.1}\nlimits: {redis: \"redis://h\", ca_file: /c}\n", "rediss://"),
        ("node: {name: n, address: 10.0.0.1}\nlimits: {redis: \"redis://h\", unavailable: pass}\n", ""),
        ("", "it needs at least"),
        ("- node\n", "key: value"),
    ])
    func mistakesAreNamed(text: String, advice: String) throws {
        let found = try complaints(text)
        #expect(found.count == 1, "\(found)")
        #expect(advice.isEmpty || found.first?.suggestion.contains(advice) == true, "\(found)")
    }

    @Test func allMistakesAreListedInTheOrderOfTheText() throws {
        let found = try complaints("node: {name: n, address: 10.0.0.1}\nworkers: many\ntunnel: {prot: 1}\nlog: {level: loud}\n")
        #expect(found.map(\.line) == [2, 3, 4])
    }
}
