internal import MeshAdmin
internal import MeshBPF

/// What `myelinctl check` says of ways around the mesh.
extension NodeAdmin {
    func checkClosure() async -> CheckView {
        let enrolment = parts.enrolment
        if let failure = await enrolment.closingFailure {
            return CheckView("closed", .error, failure, remedy: "see the daemon's log; end what fills the tables")
        }
        if let failure = parts.capture.watchFailure {
            return CheckView(
                "closed", .warning, "a new cgroup is known when the daemon has looked (0.5 s), not when it is made: \(failure.operation)",
                remedy: "use a kernel with the tracepoint cgroup_mkdir and BTF, or set capture.unknown: refuse")
        }
        let long = await enrolment.unwatchedPaths
        if let first = long.first {
            return CheckView(
                "closed", .warning, "\(long.count) cgroups have paths that the kernel programs cannot compare, first \(first)",
                remedy: "give them shorter names, or set capture.unknown: refuse")
        }
        let subtrees = await enrolment.closedSubtrees
        let list = (subtrees + ["the cgroups of the registry's workloads"]).joined(separator: ", ")
        guard configuration.capture.unknown == .pass else { return CheckView("closed", .ok, "nobody unknown passes") }
        return CheckView(
            "closed", .warning, "processes that the registry does not name pass freely (unknown: pass), except below \(list)",
            remedy: "name further subtrees in capture.closed, or set capture.unknown: refuse")
    }

    func checkDevices() async -> CheckView {
        let unfiltered = await parts.enrolment.unfilteredDevices
        guard let first = unfiltered.first else {
            return CheckView("devices", .ok, "what pods send is filtered at the host's end of their devices")
        }
        return CheckView(
            "devices", .warning, "\(unfiltered.count) pods have devices that cannot be filtered, first \(first)",
            remedy: "give the pod a veth device only, or take NET_ADMIN and NET_RAW away from it")
    }

    func checkPowers() async -> CheckView {
        let filtered = await parts.enrolment.unfilteredDevices.isEmpty
        var found: [String] = []
        for workload in await parts.enrolment.workloads {
            let isFiltered = filtered && !workload.workload.sharesNodeNamespace
            let powers = WorkloadPowers.survey(of: workload.workload.cgroup, networkIsFiltered: isFiltered)
            if powers.isEmpty { continue }
            found.append("\(workload.workload.service) (\(workload.workload.cgroup)): \(powers.joined(separator: ", "))")
        }
        guard !found.isEmpty else { return CheckView("powers", .ok, "no meshed process that was looked at has rights to leave") }
        let more = found.count > Self.maximumPowers ? "; and \(found.count - Self.maximumPowers) more" : ""
        return CheckView(
            "powers", .warning, found.prefix(Self.maximumPowers).joined(separator: "; ") + more,
            remedy: "enrol the unit again, which takes these rights away, or take them away in the unit or the pod")
    }

    /// Workloads that one line names.
    private static let maximumPowers = 20
}
