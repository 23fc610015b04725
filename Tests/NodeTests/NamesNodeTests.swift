import Foundation
import MeshLab
import Testing

/// Unmodified resolvers in a workload, unmodified name servers behind the node (R2.4).
@Suite(.serialized) final class NamesNodeTests {
    private let lab: Lab
    private let caller: Workload
    private let node: LabNode
    private static let first = 5301
    private static let second = 5302
    /// What the laboratory's servers know, and reverse names.
    private static let callerPolicy = """
        allow: [web]
        dns: {names: ["*.example", "*.in-addr.arpa"]}

        """

    init() throws {
        var nodes = Topology.twoNodes
        nodes[0].names = """
            view: callable, timeout: 1500ms, upstream: ["127.0.0.1:\(Self.first)", "127.0.0.1:\(Self.second)"]
            """
        let place = Topology.Instance.pod("node-2")
        var services = [
            Topology.Service("caller", port: 7009, program: .idle, on: [.pod("node-1")], policy: Self.callerPolicy),
            Topology.Service("web", port: 8080, program: .nginx, on: [place], policy: "allow: []\n"),
            Topology.Service("secret", port: 8081, program: .idle, on: [place], policy: "allow: []\n"),
        ]
        services[1].applicationProtocol = "http"
        lab = try Lab.raise(Topology(nodes: nodes, services: services), name: "names")
        caller = lab.workload("caller")
        node = lab.node("node-1")
        try lab.startDaemons()
    }

    deinit { try? lab.lower() }

    // MARK: Programs

    private func dig(_ arguments: String...) throws -> String {
        try lab.run(in: caller, ["dig", "+nocookie"] + arguments).output
    }

    /// The lines of an answer that say something, in order: owner, class, type and data, without times to live.
    private static func records(_ output: String) -> [String] {
        output.split(separator: "\n").filter { !$0.hasPrefix(";") && !$0.isEmpty }.map { line in
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
            return ([words[0].lowercased()] + words.dropFirst(2).map(String.init)).joined(separator: " ")
        }.sorted()
    }

    private func write(_ text: String, to file: String) throws -> String {
        let path = lab.directory + "/" + file
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    /// dnsmasq logs each query; its own names are `*.first.example`.
    private func startDnsmasq() throws {
        let long = String(repeating: "x", count: 200)
        let texts = (0..<12).map { "txt-record=long.first.example,\"\($0)\(long)\"" }.joined(separator: "\n")
        let file = try write(
            """
            no-resolv
            no-hosts
            no-daemon
            user=root
            bind-interfaces
            listen-address=127.0.0.1
            port=\(Self.first)
            log-queries
            log-facility=\(lab.directory)/dnsmasq.log
            local=/example/
            local-ttl=2
            address=/www.first.example/192.0.2.1
            host-record=real.first.example,192.0.2.2,2001:db8::2
            cname=alias.first.example,real.first.example
            mx-host=first.example,mail.first.example,10
            srv-host=_http._tcp.first.example,real.first.example,8080,1,2
            ptr-record=1.2.0.192.in-addr.arpa,www.first.example
            \(texts)
            """, to: "dnsmasq.conf")
        try start("dnsmasq", "dnsmasq --conf-file=\(file)")
        try awaitServer(Self.first)
    }

    private func startUnbound() throws {
        let file = try write(
            """
            server:
                interface: 127.0.0.1@\(Self.second)
                do-daemonize: no
                username: ""
                chroot: ""
                directory: "\(lab.directory)"
                pidfile: ""
                use-syslog: no
                logfile: "\(lab.directory)/unbound.log"
                log-queries: yes
                module-config: "iterator"
                local-zone: "second.example." static
                local-data: "second.example. 60 SOA ns.second.example. root.second.example. 1 3600 600 86400 30"
                local-data: "www.second.example. 60 A 192.0.2.3"
                local-zone: "first.example." static
                local-data: "www.first.example. 2 A 192.0.2.1"
                local-zone: "." static
                local-data: ". 60 NS ns.example."
            """, to: "unbound.conf")
        try start("unbound", "unbound -d -c \(file)")
        try awaitServer(Self.second)
    }

    private func startLiar(_ mode: String, _ port: Int) throws {
        let program = Bundle.module.path(forResource: "Peers/dns_liar", ofType: "py") ?? "dns_liar"
        try start("liar", "python3 \(program) \(mode) \(port)")
        try awaitPort(port)
    }

    private func start(_ name: String, _ command: String) throws {
        let result = try lab.runOnNode(
            node, ["sh", "-c", "\(command) >\(lab.directory)/\(name).out 2>&1 & echo $! > \(lab.directory)/\(name).pid"])
        try #require(result.succeeded, "\(result)")
    }

    private func stop(_ name: String) throws {
        _ = try lab.runOnNode(
            node,
            ["sh", "-c", "pid=$(cat \(lab.directory)/\(name).pid) && kill -9 $pid; while kill -0 $pid 2>/dev/null; do sleep 0.02; done"])
    }

    private func awaitPort(_ port: Int) throws {
        let command = "for i in $(seq 200); do ss -Hltn 'sport = :\(port)' | grep -q . && exit 0; sleep 0.02; done; exit 1"
        try #require(try lab.runOnNode(node, ["sh", "-c", command]).succeeded, "nobody listens on port \(port)")
    }

    private func awaitServer(_ port: Int) throws {
        try awaitPort(port)
        let answers = try lab.runOnNode(
            node, ["dig", "+tries=20", "+time=1", "@127.0.0.1", "-p", "\(port)", "www.first.example", "+short"])
        try #require(answers.output.contains("192.0.2.1"), "\(answers)")
    }

    private func queriesSeen() throws -> [String] {
        try String(contentsOfFile: lab.directory + "/dnsmasq.log", encoding: .utf8).split(separator: "\n").filter {
            $0.contains(": query[")
        }
        .map { $0.lowercased() }
    }

    private func took(_ body: () throws -> Void) throws -> Duration { try ContinuousClock().measure(body) }

    // MARK: The mesh's names

    @Test func unmodifiedResolversFindServices() throws {
        try startDnsmasq()
        let virtual = try dig("+short", "web.default.svc.cluster.local").trimmingCharacters(in: .whitespacesAndNewlines)
        #expect(virtual.hasPrefix("240.64."), "\(virtual)")
        for name in ["web", "web.default", "web.default.svc", "web.default.svc.cluster.local"] {
            #expect(try lab.run(in: caller, ["getent", "ahostsv4", name]).output.hasPrefix(virtual + " "), "\(name)")
            #expect(try dig("+search", "+short", name).contains(virtual), "\(name)")
            #expect(try dig("+tcp", "+short", name).contains(virtual), "\(name)")
        }
        #expect(try lab.curl(from: caller, "http://web:8080/").succeeded)
        let named = try lab.run(in: caller, ["getent", "hosts", virtual]).output
        #expect(named.contains("web.default.svc.cluster.local"), "\(named)")
        let located = try dig("SRV", "_http._tcp.web.default.svc.cluster.local")
        #expect(located.contains("0 100 8080 web.default.svc.cluster.local.") && located.contains("ADDITIONAL SECTION"), "\(located)")
        #expect(located.contains(virtual) && located.contains(" aa "), "\(located)")
        for hidden in ["secret", "secret.default.svc.cluster.local", "_tcp._tcp.secret.default.svc.cluster.local"] {
            #expect(try dig(hidden).contains("status: NXDOMAIN"), "not the caller's to call: \(hidden)")
        }
        let missing = try dig("nobody.default.svc.cluster.local")
        #expect(missing.contains("status: NXDOMAIN") && missing.contains("SOA"), "\(missing)")
        #expect(try dig("TXT", "web.default.svc.cluster.local").contains("status: NOERROR"))
        #expect(try dig("+edns=1", "+noednsneg", "web").contains("BADVERS"))
        // getaddrinfo() with the search domains of the pod.
        #expect(try lab.run(in: caller, ["getent", "ahostsv4", "www.first.example"]).output.hasPrefix("192.0.2.1 "))
        let seen = try queriesSeen().filter { !$0.contains("first.example from") }
        #expect(!seen.contains { $0.contains("web") || $0.contains("secret") || $0.contains("cluster.local") }, "\(seen)")
        let asked = try queriesSeen().filter { $0.contains("www.first.example") }
        #expect(asked.count <= 3, "one for us, one for each family at most: \(asked)")
    }

    // MARK: Other names

    /// What a resolver hears through the node is what it would hear from the server itself.
    @Test func answersOfServersArriveAsTheyAre() throws {
        try startDnsmasq()
        let questions = [
            ["www.first.example", "A"], ["www.first.example", "AAAA"], ["real.first.example", "AAAA"], ["alias.first.example", "A"],
            ["alias.first.example", "CNAME"], ["first.example", "MX"], ["_http._tcp.first.example", "SRV"], ["long.first.example", "TXT"],
            ["1.2.0.192.in-addr.arpa", "PTR"], ["missing.first.example", "A"], ["WWW.First.Example", "A"],
        ]
        for question in questions {
            let direct = try lab.runOnNode(
                node, ["dig", "+nocookie", "@127.0.0.1", "-p", "\(Self.first)", "+noadditional"] + question
            ).output
            for transport in ["+notcp", "+tcp"] {
                let through = try dig([transport, "+noadditional"] + question)
                #expect(Self.records(through) == Self.records(direct), "\(question) \(transport):\n\(through)\n\(direct)")
                let status = through.split(separator: "\n").first { $0.contains("status:") }?.split(separator: ",")[1]
                #expect(status.map { direct.contains($0) } == true, "\(question): \(status ?? "")")
            }
        }
        let cut = try dig("+ignore", "+notcp", "+bufsize=512", "TXT", "long.first.example")
        #expect(cut.contains(" tc ") && cut.contains("ANSWER: 0"), "\(cut)")
        #expect(try lab.control(node, ["dns"]).output.contains("127.0.0.1:\(Self.first)"))
    }

    private func dig(_ arguments: [String]) throws -> String { try lab.run(in: caller, ["dig", "+nocookie"] + arguments).output }

    @Test func absentNamesAreRemembered() throws {
        try startUnbound()
        for _ in 0..<3 {
            let missing = try dig("no.second.example")
            #expect(missing.contains("status: NXDOMAIN") && missing.contains("SOA"), "\(missing)")
            #expect(try dig("MX", "www.second.example").contains("status: NOERROR"))
        }
        let log = try String(contentsOfFile: lab.directory + "/unbound.log", encoding: .utf8)
        #expect(log.lowercased().components(separatedBy: "no.second.example. a in").count == 2, "asked once: \(log)")
    }

    // MARK: Servers that die, and come back

    @Test func deadServersAreNoticedAndOldAnswersServed() throws {
        try startDnsmasq()
        try startUnbound()
        #expect(try dig("+short", "www.first.example").contains("192.0.2.1"))
        try stop("dnsmasq")
        let failover = try took { () throws in
            let answer = try dig("+short", "www.second.example")
            #expect(answer.contains("192.0.2.3"))
        }
        #expect(failover < .seconds(2), "\(failover)")
        // The thread tells what it knows ten times a second.
        Thread.sleep(forTimeInterval: 0.3)
        let first = try lab.control(node, ["check"])
        #expect(first.output.contains("127.0.0.1:\(Self.first) does not answer"), "\(first)")
        try stop("unbound")
        let refused = try took { () throws in
            let answer = try dig("+tries=1", "other.second.example")
            #expect(answer.contains("status: SERVFAIL"))
        }
        #expect(refused < .seconds(2), "\(refused)")
        Thread.sleep(forTimeInterval: 2)
        let stale = try dig("www.first.example")
        #expect(stale.contains("192.0.2.1") && stale.contains("EDE: 3"), "\(stale)")
        let check = try lab.control(node, ["check"])
        #expect(check.status == 1 && check.output.contains("127.0.0.1:\(Self.second) does not answer"), "\(check)")
        #expect(try lab.control(node, ["status"]).output.contains("no DNS upstream answers"))
        let metrics = try lab.metrics(node)
        #expect(metrics.contains("myelin_dns_upstream_up{upstream=\"127.0.0.1:\(Self.first)\"} 0"), "\(metrics)")
        #expect(metrics.contains("result=\"stale\"} 1"))
        #expect(try dig("+short", "web.default.svc.cluster.local").contains("240.64."), "the mesh's own names need nobody")
        try startDnsmasq()
        var isBack = false
        for _ in 0..<100 where !isBack {
            Thread.sleep(forTimeInterval: 0.1)
            isBack = try lab.metrics(node).contains("myelin_dns_upstream_up{upstream=\"127.0.0.1:\(Self.first)\"} 1")
        }
        #expect(isBack, "noticed without a query")
        #expect(try dig("+short", "real.first.example").contains("192.0.2.2"))
    }

    // MARK: Servers that lie

    @Test func peculiarServersAreUnderstood() throws {
        for mode in ["honest", "slow", "truncated"] {
            try startLiar(mode, Self.first)
            let answer = try dig("+short", "+time=4", "\(mode).example")
            #expect(answer.hasPrefix("192.0.2.7"), "\(mode): \(answer)")
            try stop("liar")
        }
    }

    @Test func liesAreNotBelieved() throws {
        for mode in ["wrong-id", "wrong-question", "oversized", "garbage", "no-answer", "other-port"] {
            try startLiar(mode, Self.first)
            let alone = try took { () throws in
                let answer = try dig("+time=5", "+tries=1", "\(mode).example")
                #expect(answer.contains("status: SERVFAIL") && !answer.contains("192.0.2.66"), "\(mode): \(answer)")
            }
            #expect(alone < .seconds(3), "\(mode): \(alone)")
            try stop("liar")
        }
        try startLiar("other-port", Self.first)
        try startUnbound()
        #expect(try dig("+short", "+time=4", "www.second.example").contains("192.0.2.3"), "the other server is asked")
    }
}
