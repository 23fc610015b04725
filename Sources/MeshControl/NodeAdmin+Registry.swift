internal import Foundation
internal import MeshAdmin
internal import MeshConfig
internal import MeshRegistry
internal import MeshTelemetry
internal import MeshTypes

/// The registry of the node, for operators and Prometheus (R2.2).
extension NodeAdmin {
    func registry() async -> RegistryView {
        let store = registry.store
        let now = Date()
        let sources = await store.statuses.map { Self.view($0, now) }
        let problems = await store.problems.map {
            RegistryView.ProblemView(source: "\($0.source)", kind: $0.kind.rawValue, what: "\($0.error)")
        }
        let dropped = await store.dropped.map { RegistryView.ProblemView(source: "\($0.source)", kind: "dropped", what: "\($0.error)") }
        let publishers = await registry.announcer.statuses.map {
            RegistryView.PublisherView(name: "\($0.name)", current: $0.isCurrent, failure: $0.failure.map { "\($0)" })
        }
        return RegistryView(
            sources: sources, problems: problems + dropped, problemCount: await store.problemCount + dropped.count, publishers: publishers,
            draining: await store.isDraining)
    }

    private static func view(_ status: SourceStatus, _ now: Date) -> SourceView {
        let (failure, remedy): (String?, String?) =
            switch status.condition {
            case .waiting, .healthy: (nil, nil)
            case .failing(let failure): ("\(failure.what) [\(failure.code.rawValue)]", failure.advice)
            case .held:
                (
                    "its records, or most of what operators declared in it, are gone at once: what was there stays in force",
                    "if that is right: myelinctl registry accept \(status.name); if not: restore the store"
                )
            }
        return SourceView(
            name: "\(status.name)", rank: status.rank, state: status.condition.code, since: status.since.formatted(.iso8601),
            records: status.records, said: status.recordsSaid?.formatted(.iso8601),
            ageSeconds: status.recordsSaid.map { Int(now.timeIntervalSince($0).rounded()) }, remembered: status.areRemembered,
            generation: status.generation, dropped: status.dropped, changes: status.changes, failure: failure, remedy: remedy)
    }

    func instances() async -> [InstanceView] {
        let registered = await registry.embedded.registrations.map { entry in
            InstanceView(
                id: entry.id, source: "embedded", service: "\(entry.service.name)", namespace: entry.service.namespace,
                addresses: ["\(entry.address)"], state: entry.isDraining ? "draining" : "registered", cgroup: entry.workload?.cgroup ?? "",
                version: entry.version, ttl: entry.timeToLive?.short, reason: nil)
        }
        let found = await registry.discovery?.instances ?? []
        return registered
            + found.map { entry in
                InstanceView(
                    id: "", source: "discovery", service: entry.service.map { "\($0.name)" } ?? "",
                    namespace: entry.service?.namespace ?? "",
                    addresses: entry.addresses.map(\.description), state: entry.stage.rawValue, cgroup: entry.cgroup,
                    version: entry.version,
                    ttl: nil, reason: entry.reason)
            }
    }

    func checkRegistry() async -> [CheckView] {
        let view = await registry()
        var checks = view.sources.compactMap(Self.check)
        if checks.isEmpty {
            checks.append(CheckView("registry", .ok, "\(view.sources.count) sources: \(view.sources.map(\.name).joined(separator: ", "))"))
        }
        if view.draining {
            let since = registry.drainingSince.map { " since \($0.formatted(.iso8601))" } ?? ""
            checks.append(
                CheckView(
                    "registry", .warning, "this node drains\(since): its endpoints take no new calls", remedy: "myelinctl drain node --undo"
                ))
        }
        if let first = view.problems.first {
            checks.append(
                CheckView(
                    "records", .warning,
                    "\(view.problemCount) records are left out or contradict each other, first of \(first.source): \(first.what)",
                    remedy: "see `myelinctl registry`; the source that comes first wins"))
        }
        for publisher in view.publishers where publisher.failure != nil {
            checks.append(
                CheckView(
                    "announcement", .error, "\(publisher.name) does not have this node's endpoints: \(publisher.failure ?? "")",
                    remedy: "other nodes do not see what changed here since"))
        }
        return checks + (await checkInstances())
    }

    private static func check(_ source: SourceView) -> CheckView? {
        let name = "registry \(source.name)"
        let kept = "\(source.records) records" + (source.ageSeconds.map { ", \($0) s old," } ?? "") + " stay in force"
        switch source.state {
        case "failing", "held":
            return CheckView(name, .error, "since \(source.since): \(source.failure ?? ""); \(kept)", remedy: source.remedy ?? "")
        case "waiting":
            return CheckView(
                name, .warning, "has not answered since the daemon started; \(kept)",
                remedy: "see whether it runs, and `registry:` of node.yaml")
        default: return nil
        }
    }

    private func checkInstances() async -> [CheckView] {
        let instances = await registry.discovery?.instances ?? []
        guard let first = instances.first(where: { $0.stage == .invalid }) else { return [] }
        return [
            CheckView(
                "discovery", .error, "\(first.cgroup) matches a rule and cannot be used: \(first.reason ?? "")",
                remedy: "correct its rule under `discovery:` in node.yaml")
        ]
    }

    func registryFamilies() async -> [MetricFamily] {
        let sources = await registry.store.statuses
        func samples(_ value: (SourceStatus) -> Double?) -> [MetricSample] {
            sources.compactMap { source in
                value(source).map { MetricSample(labels: [MetricSample.Label("source", "\(source.name)")], value: $0) }
            }
        }
        return [
            MetricFamily(
                name: "myelin_registry_source_up", help: "Whether a source of records answers and is believed.", kind: .gauge,
                samples: samples { $0.condition == .healthy ? 1 : 0 }),
            MetricFamily(
                name: "myelin_registry_source_held", help: "Whether a source lost its records at once and is not believed yet.",
                kind: .gauge, samples: samples { $0.condition == .held ? 1 : 0 }),
            MetricFamily(
                name: "myelin_registry_source_records", help: "Records of a source that are in force.", kind: .gauge,
                samples: samples { Double($0.records) }),
            MetricFamily(
                name: "myelin_registry_source_last_success_timestamp_seconds", help: "Until when a source stood by its records.",
                kind: .gauge, samples: samples { $0.recordsSaid.map { $0.timeIntervalSince1970.rounded() } }),
            MetricFamily(
                name: "myelin_registry_source_changes_total", help: "Times that the records of a source changed.", kind: .counter,
                samples: samples { Double($0.changes) }),
            MetricFamily(
                name: "myelin_registry_conflicts", help: "Records that are left out or contradict each other.", kind: .gauge,
                samples: [MetricSample(value: Double(await registry.store.problemCount))]),
        ]
    }
}
