import MeshBalancing
import MeshConfig
import MeshPolicy
import MeshResilience
import MeshRouting
import MeshTypes
import Testing

/// The keys of a policy file that say how requests are treated (R4, R5).
struct TrafficDocumentTests {
    private func load(_ text: String) throws -> ServicePolicy {
        let scratch = try Scratch()
        try scratch.write(text, to: "wallet.yaml")
        return try #require(try PolicyDocuments.load(directory: scratch.path, namespace: "default").policies.first)
    }

    @Test func everyKeyIsRead() throws {
        let policy = try load(
            """
            timeouts: {request: 1s, try: 400ms}
            retries: {attempts: 1, methods: all}
            rate_limit: {limit: 500/min, burst: 50, per: caller, scope: global}
            circuit_breaker: high
            concurrency: 32
            queue: {limit: 100, wait: 10s}
            balance: {method: hash, header: X-User}
            routes:
              - match: {operation: payout/claim, method: POST, headers: {X-Tier: gold}, query: {beta: "*"}}
                timeouts: {request: 5s}
                retries: {enabled: false}
              - match: {prefix: /prices/, method: [GET, HEAD]}
                split: {v1: 90, v2: 10, v3: 0}
              - match: {template: "/users/{id}/old"}
                redirect: {location: /users, status: 308}
              - match: {path: /slow}
                rate_limit: 1/s
                fault: {delay: 200ms, abort: 503, share: 12.5%}
            """)
        #expect(policy.timeouts == .init(request: .seconds(1), attempt: .milliseconds(400)))
        #expect(policy.retries == .init(attempts: 1, areForAll: true))
        #expect(policy.rateLimit == .init(requests: 500, period: .seconds(60), burst: 50, scope: .caller, reach: .global))
        #expect(policy.circuitBreaker == .high && policy.concurrency == 32)
        #expect(policy.queue == .init(limit: 100, wait: .seconds(10)))
        #expect(policy.balance == .hash && policy.affinity == "x-user")
        let routes = policy.routes
        try #require(routes.count == 4)
        #expect(routes[0].match.path == .operation("payout/claim", of: "wallet"))
        #expect(routes[0].match.methods == [Array("POST".utf8)])
        #expect(routes[0].match.headers == [.init(name: "x-tier", value: "gold")])
        #expect(routes[0].match.query == [.init(name: "beta", value: nil)])
        #expect(routes[0].timeouts.request == .seconds(5) && routes[0].retries?.attempts == 0)
        #expect(routes[1].match.path == .prefix(Array("/prices/".utf8)))
        #expect(routes[1].split == [.init(version: "v1", weight: 90), .init(version: "v2", weight: 10)])
        #expect(routes[2].match.path == PathPattern(template: "/users/{id}/old"))
        #expect(routes[2].redirect == Redirect(status: 308, location: "/users"))
        #expect(routes[3].fault?.share == 1250 && routes[3].fault?.abort == 503 && routes[3].fault?.delay == .milliseconds(200))
        #expect(policy.notEnforced(mayBeHTTP: true) == [])
        #expect(Set(policy.notEnforced(mayBeHTTP: false)).isSuperset(of: ["routes", "concurrency", "queue", "rate_limit"]))
    }

    @Test func aNodeWithoutAPlaceToCountSaysSo() throws {
        let global = try load(
            "rate_limit: {limit: 500/min, scope: global}\nroutes: [{match: {path: /a}, rate_limit: {limit: 5/s, scope: global}}]\n")
        #expect(global.notEnforced(mayBeHTTP: true, sharesLimits: true) == [])
        #expect(global.notEnforced(mayBeHTTP: true, sharesLimits: false) == ["rate_limit.scope", "routes.rate_limit.scope"])
        for text in ["rate_limit: 500/min\n", "rate_limit: {limit: 500/min}\n", "rate_limit: {limit: 500/min, scope: node}\n"] {
            let local = try load(text)
            #expect(local.rateLimit?.reach == .node && local.notEnforced(mayBeHTTP: true, sharesLimits: false) == [])
        }
    }

    @Test func aRouteInheritsWhatItDoesNotSay() throws {
        let policy = try load(
            """
            timeouts: {request: 1s, try: 400ms}
            retries: {enabled: false}
            rate_limit: 5/s
            routes: [{match: {path: /a}, timeouts: {request: 2s}}]
            """)
        let rules = TrafficRules(policy)
        #expect(rules.routes[0].requests.timeout == 2_000_000_000 && rules.routes[0].requests.tryTimeout == 400_000_000)
        #expect(rules.routes[0].requests.retries == 0)
        #expect(rules.routes[0].requests.rateLimit == nil, "the file's own limit counts them")
    }

    @Test func mirrorsAreRead() throws {
        let scratch = try Scratch()
        try scratch.write(
            """
            routes:
              - {match: {path: /a}, mirror: {service: shadow, share: 12.5%, concurrency: 4, timeout: 200ms}}
              - {match: {path: /b}, split: {v1: 90, v2: 10}, mirror: {version: v2}}
              - {match: {path: /c}, fault: {abort: 503, share: 99%}, mirror: {service: wallet, version: v3}}
              - {match: {path: /d}, split: {v1: 1}, mirror: {service: usage, version: v1}}
            """, to: "wallet.yaml")
        let set = try PolicyDocuments.load(
            directory: scratch.path, namespace: "default", aliases: [ServiceName("shadow")!: ServiceName("wallet-shadow")!])
        let policy = try #require(set.policies.first)
        let mirrors = TrafficRules(policy).routes.compactMap(\.mirror)
        try #require(mirrors.count == 4)
        #expect(mirrors[0].service == ServiceName("wallet-shadow") && mirrors[0].share == 1250)
        #expect(mirrors[0].concurrency == 4 && mirrors[0].timeout == .milliseconds(200) && mirrors[0].version == nil)
        #expect(mirrors[1].service == nil && mirrors[1].version == "v2" && mirrors[1].share == 10_000)
        #expect(mirrors[1].concurrency == Mirror.defaultConcurrency && mirrors[1].timeout == Mirror.defaultTimeout)
        #expect(mirrors[2].service == nil && mirrors[2].version == "v3")
        #expect(mirrors[3].service == ServiceName("usage") && mirrors[3].version == "v1")
        #expect(policy.notEnforced(mayBeHTTP: true) == [])
    }

    @Test func timesForLongRunsAreRead() throws {
        let policy = try load(
            """
            timeouts: {request: none, idle: 30s, stream: 24h}
            routes:
              - {match: {path: /a}, timeouts: {request: 60s, try: 50s}}
              - {match: {path: /chat}, timeouts: {request: 5s, idle: 60s, stream: 1h}}
            """)
        #expect(policy.timeouts.isUnbounded && policy.timeouts.request == nil)
        let rules = TrafficRules(policy)
        #expect(rules.requests.timeout == nil && rules.requests.idle == 30_000_000_000 && rules.requests.stream == 86_400_000_000_000)
        #expect(rules.routes[0].requests.timeout == 60_000_000_000 && rules.routes[0].requests.idle == 30_000_000_000)
        #expect(rules.routes[1].requests.timeout == 5_000_000_000 && rules.routes[1].requests.idle == 60_000_000_000)
        #expect(Set(policy.notEnforced(mayBeHTTP: false)).isSuperset(of: ["timeouts.request", "timeouts.idle", "timeouts.stream"]))
        #expect(try load("timeouts: {try: 10s, request: none}\n").timeouts.attempt == .seconds(10))
    }

    @Test(arguments: [
        ("timeouts: {request: 1s, try: 2s}\n", "try of 2s is longer"),
        ("timeouts: {try: 4s}\n", "longer than the whole request's 3s"),
        ("timeouts: {request: 5s, idle: 6s}\n", "idle time of 6s is longer than the whole request's 5s"),
        ("timeouts: {idle: 6s, stream: 5s}\n", "idle time of 6s is longer than the stream's 5s"),
        ("timeouts: {request: never}\n", "a time from 1ms to 1h"),
        ("timeouts: {stream: 25h}\n", "a time from 1ms to 24h"),
        ("timeouts: {stream: 10s}\nroutes: [{match: {path: /a}, timeouts: {idle: 11s}}]\n", "longer than the stream's 10s"),
        ("retries: {enabled: true, attempts: 0}\n", "retries are on, yet attempts is 0"),
        ("retries: {enabled: false, attempts: 2}\n", "retries are off"),
        ("retries: {enabled: false, methods: all}\n", "methods is all"),
        ("rate_limit: {limit: 5/s, burst: 6}\n", "more than the limit"),
        ("rate_limit: {burst: 6}\n", "`limit` is missing"),
        ("rate_limit: {limit: 5/s, scope: all}\n", "one of node, global"),
        ("queue: {limit: 5}\n", "without `concurrency`"),
        ("balance: {method: round_robin, header: x}\n", "without `method: hash`"),
        ("balance: fastest\n", "one of least_outstanding"),
        ("routes: [{timeouts: {request: 1s}}]\n", "`match` is missing"),
        ("routes: [{match: {path: /a, prefix: /b}}]\n", "more than one of path, prefix"),
        ("routes: [{match: {path: a}}]\n", "is no path"),
        ("routes: [{match: {template: \"/a/x{id}\"}}]\n", "no template"),
        ("routes: [{match: {path: /a}, split: {v1: 0}}]\n", "no version has a weight"),
        ("routes: [{match: {path: /a}, fault: {share: 10%}}]\n", "neither `delay` nor `abort`"),
        ("routes: [{match: {path: /a}, fault: {abort: 503, share: 101%}}]\n", "0% to 100%"),
        ("routes: [{match: {path: /a}, redirect: {location: /b, status: 304}}]\n", "no redirection"),
        ("routes: [{match: {path: /a}, redirect: {location: /b}, split: {v1: 1}}]\n", "both `redirect` and `split`"),
        ("routes: [{match: {path: /a}, timeouts: {try: 4s}}]\n", "longer"),
        ("routes: [{match: {path: /a}, mirror: {share: 10%}}]\n", "neither `service` nor `version`"),
        ("routes: [{match: {path: /a}, mirror: {service: wallet}}]\n", "wallet would have them all twice"),
        ("routes: [{match: {path: /a}, mirror: {version: v2, share: 0%}}]\n", "no request would be copied"),
        ("routes: [{match: {path: /a}, mirror: {version: v2, share: 101%}}]\n", "0% to 100%"),
        ("routes: [{match: {path: /a}, mirror: {version: v2, concurrency: 0}}]\n", "from 1 to 1024"),
        ("routes: [{match: {path: /a}, mirror: {version: v2, timeout: 61s}}]\n", "a time from 1ms to 1m"),
        ("routes: [{match: {path: /a}, mirror: {version: v2, retries: 1}}]\n", "retries"),
        ("routes: [{match: {path: /a}, mirror: {version: v2}, redirect: {location: /b}}]\n", "both `redirect` and `mirror`"),
        ("routes: [{match: {path: /a}, mirror: {version: v2}, split: {v2: 1}}]\n", "sends all requests to v2"),
        ("routes: [{match: {path: /a}, mirror: {version: v2}, fault: {abort: 503}}]\n", "there is nothing to mirror"),
    ])
    func whatContradictsItselfIsRefused(text: String, message: String) throws {
        let scratch = try Scratch()
        try scratch.write(text, to: "wallet.yaml")
        let found = errors { () throws(DocumentErrors) in try PolicyDocuments.load(directory: scratch.path, namespace: "default") }
        #expect(found.contains { "\($0)".contains(message) }, "\(found)")
        #expect(found.allSatisfy { $0.line == text.count { $0 == "\n" } })
    }
}
