internal import MeshAdmin
internal import MeshDataPlane
internal import MeshTelemetry
internal import MeshTypes

/// The node's DNS, for operators and Prometheus (R2.4, R8.1).
extension NodeAdmin {
    func names() async -> NamesView {
        let (status, counters) = (parts.names.status, parts.names.counters)
        return NamesView(
            view: configuration.dns.view.rawValue, foreign: configuration.dns.foreign.rawValue, refusals: refusals(counters),
            upstreams: status.upstreams.map { server in
                NamesView.Upstream(
                    address: "\(server.address)", isConfigured: server.isConfigured, isDown: server.isDown, failures: server.failures,
                    lastFailure: server.lastFailure?.rawValue, latencyMilliseconds: Double(server.latency / 1000) / 1000,
                    queries: server.queries, answers: server.answers)
            },
            cache: NamesView.Cache(
                entries: status.cache.entries, bytes: status.cache.bytes, capacity: status.cache.capacity, hits: status.cache.hits,
                misses: status.cache.misses, stale: status.cache.stale, evictions: status.cache.evictions),
            queries: NameOutcome.allCases.map { NamesView.Count(result: $0.rawValue, count: counters[$0]) }, waiting: status.waiting,
            connections: status.connections, unsolicited: counters.unsolicited)
    }

    /// Of the services that asked for names that they may not ask for.
    private func refusals(_ counters: NameServerCounters) -> [NamesView.Refusal] {
        counters.refusals.flatMap { service, counts in
            let name = parts.numbers.identity(of: service).map { "\($0.name)" } ?? "unknown"
            return counts.map { NamesView.Refusal(service: name, why: $0.key.rawValue, count: $0.value) }
        }.sorted { ($0.service, $0.why) < ($1.service, $1.why) }
    }

    /// Servers that are down, one finding each.
    func checkNames() -> [CheckView] {
        let upstreams = parts.names.status.upstreams
        let down = upstreams.filter(\.isDown)
        if let problem = parts.resolvers?.problem { return [CheckView("dns", .error, problem, remedy: NodeResolvers.remedy)] }
        guard !down.isEmpty else {
            return [CheckView("dns", .ok, "no upstream is known to be down (\(upstreams.count) in use)")] + checkAudit()
        }
        let areAllDown = down.count == upstreams.count
        return down.map { server in
            CheckView(
                "dns", areAllDown ? .error : .warning,
                "the upstream \(server.address) does not answer: \(server.lastFailure?.rawValue ?? "unknown"), "
                    + "\(server.failures) times behind one another",
                remedy: remedy(server))
        }
    }

    /// While names are only counted, nothing is closed.
    private func checkAudit() -> [CheckView] {
        guard configuration.dns.foreign == .audit else { return [] }
        let count = parts.names.counters.refusals.values.reduce(0) { $0 + $1.values.reduce(0, +) }
        return [
            CheckView(
                "names", .warning,
                "dns.foreign is audit: every name is asked; \(count) questions would have been refused",
                remedy: "list what services need in dns: {names: …} of their policy files (myelinctl dns), then remove the key")
        ]
    }

    func nameProblems() -> [StatusView.Problem] {
        if let problem = parts.resolvers?.problem { return [StatusView.Problem(what: problem, remedy: NodeResolvers.remedy)] }
        let upstreams = parts.names.status.upstreams
        guard let first = upstreams.first, upstreams.allSatisfy(\.isDown) else { return [] }
        return [
            StatusView.Problem(
                what: "no DNS upstream answers; names outside the mesh fail, or have answers that have run out", remedy: remedy(first))
        ]
    }

    private func remedy(_ server: UpstreamStatus) -> String {
        "is the server running, and does a firewall let UDP and TCP port \(server.address.port) through? "
            + (server.isConfigured
                ? "It is named in dns.upstream of node.yaml"
                : "It is named in \(configuration.dns.resolverFile); dns.upstream names others")
    }

    // MARK: Prometheus

    func nameFamilies() -> [MetricFamily] {
        let (status, counters) = (parts.names.status, parts.names.counters)
        return [queries(counters), refused(counters)]
            + upstreams(status.upstreams.filter(\.isConfigured) + [status.learnt].compactMap(\.self))
            + cache(status.cache) + [
                Self.single(
                    "myelin_dns_unsolicited_total", "Messages from upstream that answered no question of ours.", .counter,
                    Double(counters.unsolicited)),
                Self.single("myelin_dns_waiting", "Clients that wait for an upstream.", .gauge, Double(status.waiting)),
            ]
    }

    private func source(_ service: ServiceID) -> [MetricSample.Label] {
        let identity = parts.numbers.identity(of: service)
        return [
            MetricSample.Label("source_workload", identity.map { "\($0.name)" } ?? "unknown"),
            MetricSample.Label("source_workload_namespace", identity?.namespace ?? "unknown"),
        ]
    }

    private func refused(_ counters: NameServerCounters) -> MetricFamily {
        let mode = MetricSample.Label("mode", configuration.dns.foreign.rawValue)
        let samples = counters.refusals.sorted { $0.key.rawValue < $1.key.rawValue }.flatMap { service, counts in
            NameRefusal.allCases.compactMap { why in
                counts[why].map {
                    MetricSample(labels: source(service) + [MetricSample.Label("why", why.rawValue), mode], value: Double($0))
                }
            }
        }
        return MetricFamily(
            name: "myelin_dns_names_refused_total",
            help: "Names outside the mesh that a workload may not ask for; with mode audit they were asked all the same.", kind: .counter,
            samples: samples)
    }

    private func queries(_ counters: NameServerCounters) -> MetricFamily {
        let samples = counters.services.sorted { $0.key.rawValue < $1.key.rawValue }.flatMap { service, counts in
            let source = source(service)
            return NameOutcome.allCases.compactMap { outcome in
                counts[outcome].map { MetricSample(labels: source + [MetricSample.Label("result", outcome.rawValue)], value: Double($0)) }
            }
        }
        return MetricFamily(
            name: "myelin_dns_queries_total", help: "DNS queries of workloads by what became of them.", kind: .counter, samples: samples)
    }

    /// What stands in resolv.conf changes: it shares a label.
    private func upstreams(_ servers: [UpstreamStatus]) -> [MetricFamily] {
        func label(_ server: UpstreamStatus) -> MetricSample.Label {
            MetricSample.Label("upstream", server.isConfigured ? "\(server.address)" : "resolv.conf")
        }
        let failures = servers.flatMap { server in
            UpstreamFailure.allCases.map {
                MetricSample(
                    labels: [label(server), MetricSample.Label("kind", $0.rawValue)], value: Double(server.failuresByKind[$0] ?? 0))
            }
        }
        return [
            MetricFamily(
                name: "myelin_dns_upstream_up", help: "0 while a server does not answer.", kind: .gauge,
                samples: servers.map { MetricSample(labels: [label($0)], value: $0.isDown ? 0 : 1) }),
            MetricFamily(
                name: "myelin_dns_upstream_queries_total", help: "Questions to a server, repeated ones among them.", kind: .counter,
                samples: servers.map { MetricSample(labels: [label($0)], value: Double($0.queries)) }),
            MetricFamily(
                name: "myelin_dns_upstream_failures_total", help: "What went wrong with a server.", kind: .counter, samples: failures),
            MetricFamily(
                name: "myelin_dns_upstream_duration_seconds", help: "Seconds until a server answered.", kind: .histogram,
                samples: servers.flatMap { Self.histogram($0, label($0)) }),
        ]
    }

    private static func histogram(_ server: UpstreamStatus, _ label: MetricSample.Label) -> [MetricSample] {
        var sum: UInt64 = 0
        var samples = zip(server.latencies, UpstreamStatus.latencyBounds.map { "\(Double($0) / 1000)" } + ["+Inf"]).map { count, bound in
            sum += count
            return MetricSample(suffix: "_bucket", labels: [label, MetricSample.Label("le", bound)], value: Double(sum))
        }
        samples.append(MetricSample(suffix: "_sum", labels: [label], value: Double(server.latencySum) / 1e9))
        samples.append(MetricSample(suffix: "_count", labels: [label], value: Double(sum)))
        return samples
    }

    private func cache(_ cache: NameCacheStatus) -> [MetricFamily] {
        let lookups: [(String, UInt64)] = [("hit", cache.hits), ("miss", cache.misses), ("stale", cache.stale)]
        return [
            Self.single("myelin_dns_cache_entries", "Answers of upstreams that are kept.", .gauge, Double(cache.entries)),
            Self.single("myelin_dns_cache_bytes", "Bytes that they take.", .gauge, Double(cache.bytes)),
            Self.single("myelin_dns_cache_evictions_total", "Answers that made room for others.", .counter, Double(cache.evictions)),
            MetricFamily(
                name: "myelin_dns_cache_lookups_total", help: "What was found of questions about names outside the mesh.", kind: .counter,
                samples: lookups.map { MetricSample(labels: [MetricSample.Label("result", $0.0)], value: Double($0.1)) }),
        ]
    }

    private static func single(_ name: String, _ help: String, _ kind: MetricFamily.Kind, _ value: Double) -> MetricFamily {
        MetricFamily(name: name, help: help, kind: kind, samples: [MetricSample(value: value)])
    }
}
