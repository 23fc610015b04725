internal import Foundation
internal import MeshAdmin
internal import MeshBPF
internal import MeshDataPlane
internal import MeshIdentity
internal import MeshTelemetry
internal import MeshTypes

/// What Prometheus scrapes.
extension NodeAdmin {
    func metrics() async -> String {
        var families = parts.flowLog.families()
        families += await dataPlaneFamilies() + kernelFamilies() + nameFamilies()
        families += await controlFamilies() + queueFamilies() + shareFamilies()
        families.append(snapshotFamily(await parts.reconciler.times))
        families.append(parts.breakers.family())
        families += parts.sharedLimits?.families() ?? []
        families += healthFamilies()
        families += await registryFamilies()
        families.append(await registry.stores.refusedRecords())
        families += await parts.authority?.families() ?? []
        families += CertificateAge.families(await parts.identities.statuses(), now: Date())
        families += parts.clock.families()
        families += parts.agent?.families() ?? []
        families += await parts.workloadAPI?.families() ?? []
        return MetricFamily.exposition(families)
    }

    private func single(_ name: String, _ help: String, _ kind: MetricFamily.Kind, _ value: some BinaryInteger) -> MetricFamily {
        MetricFamily(name: name, help: help, kind: kind, samples: [MetricSample(value: Double(value))])
    }

    private func dataPlaneFamilies() async -> [MetricFamily] {
        let live = await parts.dataPlane.connections().count
        let counters = parts.dataPlane.counters()
        func total(_ value: (WorkerCounters) -> UInt64) -> UInt64 { counters.reduce(0) { $0 + value($1) } }
        let adopted = parts.dataPlane.adoptedGenerations.enumerated().map { worker, generation in
            MetricSample(labels: [MetricSample.Label("worker", "\(worker)")], value: Double(generation))
        }
        return [
            single("myelin_flows", "Flows that the daemon carries now.", .gauge, live),
            single("myelin_tunnels", "Tunnels open now.", .gauge, total(\.tunnels)),
            single("myelin_captured_connections_total", "Captured connections that were accepted.", .counter, total(\.accepted)),
            single("myelin_handshakes", "Connections to the tunnel's port without a certificate yet.", .gauge, total(\.arrivals)),
            refusedHandshakes(total),
            single("myelin_tunnels_opened_total", "Tunnels that were established.", .counter, total(\.tunnelsOpened)),
            single("myelin_tunnels_failed_total", "Tunnels that could not be established, or broke.", .counter, total(\.tunnelsFailed)),
            single(
                "myelin_tunnels_revoked_total", "Tunnels that ended because a certificate of them was revoked.", .counter,
                total(\.tunnelsRevoked)),
            single(
                "myelin_tunnels_expired_total", "Tunnels that ended with a certificate of their two ends.", .counter,
                total(\.tunnelsExpired)),
            single(
                "myelin_connections_without_record_total", "Connections to the capture port that the kernel did not send.", .counter,
                total(\.withoutRecord)),
            single(
                "myelin_descriptors_exhausted_total", "Times that no file descriptor was left.", .counter, total(\.descriptorsExhausted)),
            MetricFamily(
                name: "myelin_snapshot_adopted_generation", help: "The snapshot that each worker decides by.", kind: .gauge,
                samples: adopted),
            MetricFamily(
                name: "myelin_worker_longest_turn_seconds",
                help: "The longest that a worker took for one batch of events, of the last ten to twenty seconds.", kind: .gauge,
                samples: counters.enumerated().map { worker, counters in
                    MetricSample(
                        labels: [MetricSample.Label("worker", "\(worker)")], value: Double(counters.longestTurn) / 1_000_000_000)
                }),
        ]
    }

    private func refusedHandshakes(_ total: ((WorkerCounters) -> UInt64) -> UInt64) -> MetricFamily {
        let causes: [(String, UInt64)] = [
            ("displaced", total { $0.handshakesDisplaced }), ("timeout", total { $0.handshakesTimedOut }),
            ("peer_share", total { $0.peerTunnelsRefused }),
        ]
        return MetricFamily(
            name: "myelin_handshakes_refused_total",
            help: "Connections to the tunnel's port that were ended for want of a place or of time.",
            kind: .counter, samples: causes.map { MetricSample(labels: [MetricSample.Label("cause", $0.0)], value: Double($0.1)) })
    }

    private func snapshotFamily(_ times: SnapshotTimes) -> MetricFamily {
        let steps = [("build", times.build), ("adoption", times.adoption), ("kernel_tables", times.kernelTables)]
        return MetricFamily(
            name: "myelin_snapshot_seconds", help: "How long the last snapshot took, by step.", kind: .gauge,
            samples: steps.map { step, time in MetricSample(labels: [MetricSample.Label("step", step)], value: time / .seconds(1)) })
    }

    private func kernelFamilies() -> [MetricFamily] {
        let kernel = parts.capture.statistics()
        let connections: [(String, UInt64)] = [
            ("captured", kernel.captured), ("direct", kernel.direct), ("loopback", kernel.local), ("permissive", kernel.permissive),
            ("dns", kernel.dns), ("denied_outbound", kernel.deniedOutbound), ("denied_inbound", kernel.deniedInbound),
            ("leak_stopped", kernel.leaks), ("paused", kernel.paused), ("table_full", kernel.tableFull),
        ]
        let tables: [(String, Int)] = [
            ("workloads", kernel.workloads), ("destinations", kernel.destinations), ("verdicts", kernel.verdicts),
            ("dns_slots", kernel.dnsSlots), ("pending", kernel.pending), ("flows", kernel.flows), ("deliveries", kernel.deliveries),
        ]
        return [
            MetricFamily(
                name: "myelin_kernel_decisions_total", help: "What the kernel programs did.", kind: .counter,
                samples: connections.map { MetricSample(labels: [MetricSample.Label("kind", $0.0)], value: Double($0.1)) }),
            MetricFamily(
                name: "myelin_kernel_table_entries", help: "Entries of the kernel programs' tables.", kind: .gauge,
                samples: tables.map { MetricSample(labels: [MetricSample.Label("table", $0.0)], value: Double($0.1)) }),
            single("myelin_kernel_events_lost_total", "Kernel events that found their ring full.", .counter, kernel.lostEvents),
        ]
    }

    /// Of the workloads of this node, by service.
    private func shareFamilies() async -> [MetricFamily] {
        var open: [[MetricSample.Label]: Double] = [:]
        var refused: [[MetricSample.Label]: Double] = [:]
        for entry in await parts.enrolment.workloads {
            let labels = [
                MetricSample.Label("service", "\(entry.workload.service.name)"),
                MetricSample.Label("namespace", entry.workload.service.namespace),
            ]
            let usage = parts.dataPlane.connections(of: entry.id)
            open[labels, default: 0] += Double(usage?.connections ?? 0)
            refused[labels, default: 0] += Double(usage?.refused ?? 0)
        }
        func samples(_ values: [[MetricSample.Label]: Double]) -> [MetricSample] {
            values.sorted { "\($0.key)" < "\($1.key)" }.map { MetricSample(labels: $0.key, value: $0.value) }
        }
        return [
            MetricFamily(
                name: "myelin_workload_connections", help: "Captured connections that workloads hold now.", kind: .gauge,
                samples: samples(open)),
            MetricFamily(
                name: "myelin_workload_connections_refused_total", help: "Connections of workloads that had their share.", kind: .counter,
                samples: samples(refused)),
            single(
                "myelin_caller_connections_refused_total", "Connections to endpoints of this node whose caller had its share.", .counter,
                parts.dataPlane.callersRefused),
            single(
                "myelin_silent_connections_closed_total", "Connections for requests that were closed because none came.", .counter,
                parts.dataPlane.counters().reduce(0) { $0 + $1.silentClosed }),
        ]
    }

    /// Of services whose policy bounds what is answered at one moment.
    private func queueFamilies() async -> [MetricFamily] {
        let bounded = await parts.reconciler.snapshot.allServices.filter { $0.traffic.concurrency != nil }
        let counts = bounded.map { service in
            (
                labels: [
                    MetricSample.Label("destination_service", "\(service.identity.name)"),
                    MetricSample.Label("destination_service_namespace", service.identity.namespace),
                ], requests: parts.dataPlane.requests(to: service.id), limit: service.traffic.concurrency ?? 0
            )
        }
        return [
            MetricFamily(
                name: "myelin_requests_active", help: "Requests that are being answered, of services with concurrency.", kind: .gauge,
                samples: counts.map { MetricSample(labels: $0.labels, value: Double($0.requests.active)) }),
            MetricFamily(
                name: "myelin_requests_queued", help: "Requests that wait until another has been answered.", kind: .gauge,
                samples: counts.map { MetricSample(labels: $0.labels, value: Double($0.requests.waiting)) }),
            MetricFamily(
                name: "myelin_requests_limit", help: "Requests that may be answered at one moment.", kind: .gauge,
                samples: counts.map { MetricSample(labels: $0.labels, value: Double($0.limit)) }),
        ]
    }

    private func controlFamilies() async -> [MetricFamily] {
        let expiries = await parts.identities.statuses().compactMap { status in
            status.notAfter.map {
                MetricSample(
                    labels: [
                        MetricSample.Label("service", "\(status.service.name)"), MetricSample.Label("namespace", status.service.namespace),
                    ],
                    value: $0.timeIntervalSince1970.rounded())
            }
        }
        return [
            MetricFamily(
                name: "myelin_certificate_expiry_seconds", help: "When a service's certificate ends, seconds since the epoch.",
                kind: .gauge,
                samples: expiries),
            single("myelin_snapshot_generation", "The snapshot last published.", .gauge, await parts.reconciler.snapshot.generation),
            single("myelin_workloads", "Workloads under capture.", .gauge, await parts.enrolment.workloads.count),
            single("myelin_workloads_waiting", "Workloads that are not captured yet.", .gauge, await parts.enrolment.pending.count),
            single("myelin_problems", "Problems that myelinctl status lists.", .gauge, await problems().count),
        ]
    }
}
