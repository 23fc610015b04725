internal import Foundation
internal import Glibc
internal import MeshAdmin
internal import MeshIdentity
internal import MeshSystem
internal import MeshTypes

/// What `myelinctl check` asks the daemon.
extension NodeAdmin {
    func checks() async -> [CheckView] {
        let authority = await parts.authority?.check()
        return [
            checkState(), checkPins(), await checkCertificates(), await checkWorkloads(), checkDocuments(), checkDescriptors(),
            checkTables(), checkClock(), parts.clock.check(), await checkClosure(), await checkDevices(), await checkPowers(),
        ] + [authority].compactMap(\.self)
            + (parts.sharedLimits.map { [$0.check] } ?? []) + (await checkSPIFFE()) + checkHealth() + checkNames()
            + (await checkRegistry()) + (await checkPeers())
    }

    private func checkState() -> CheckView {
        state == .serving
            ? CheckView("daemon", .ok, "serves on \(parts.tunnel)")
            : CheckView("daemon", .warning, "is \(state.rawValue)", remedy: "wait a moment; see its log if that lasts")
    }

    private func checkPins() -> CheckView {
        let pins = configuration.capture.pins
        return access(pins, F_OK) == 0
            ? CheckView("pins", .ok, "kernel programs are pinned at \(pins)")
            : CheckView(
                "pins", .error, "\(pins) is gone: capture would end with this daemon",
                remedy: "restart the daemon; nobody else may remove pins")
    }

    private func checkCertificates() async -> CheckView {
        let statuses = await parts.identities.statuses()
        let remedy =
            "see `myelinctl certificates`, and "
            + (parts.authority.map { "the authority: \($0.place)" } ?? "the SPIFFE agent at \(configuration.spiffe.agentSocket ?? "")")
        if let old = CertificateAge.oldest(statuses, now: Date()) {
            return CheckView("certificates", old.isUrgent ? .error : .warning, old.text, remedy: remedy)
        }
        let bad = statuses.filter { $0.state != .valid }
        guard let first = bad.first else { return CheckView("certificates", .ok, "all services of this node have a valid certificate") }
        return CheckView(
            "certificates", first.state == .failing ? .warning : .error,
            "\(bad.count) not in order, first \(first.service): \(first.lastError ?? first.state.rawValue)", remedy: remedy)
    }

    private func checkSPIFFE() async -> [CheckView] {
        let statuses = await parts.identities.statuses()
        return [parts.agent?.check(statuses), await parts.workloadAPI?.check()].compactMap(\.self)
    }

    private func checkWorkloads() async -> CheckView {
        let pending = await parts.enrolment.pending
        guard let first = pending.first else { return CheckView("workloads", .ok, "all workloads of the registry are captured") }
        return CheckView(
            "workloads", .warning, "\(pending.count) not captured, first \(first.workload.service): \(first.reason)",
            remedy: "start it, or correct its record in \(configuration.registry.describedSources)")
    }

    private func checkDocuments() -> CheckView {
        let errors = documents.problems.flatMap(\.errors.errors)
        guard let first = errors.first else { return CheckView("files", .ok, "policies and registry are in force as they stand") }
        return CheckView("files", .error, "\(errors.count) errors, first: \(first)", remedy: "correct it; the last good set stays in force")
    }

    private func checkDescriptors() -> CheckView {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0
        let text = "\(open) of \(limit.rlim_cur) file descriptors are open"
        return open * 10 < Int(clamping: limit.rlim_cur) * 9
            ? CheckView("descriptors", .ok, text) : CheckView("descriptors", .warning, text, remedy: "raise LimitNOFILE of the unit")
    }

    private func checkTables() -> CheckView {
        let full = parts.capture.statistics().tableFull
        return full == 0
            ? CheckView("tables", .ok, "no table of the kernel programs was ever full")
            : CheckView(
                "tables", .warning, "\(full) connections were refused by full tables",
                remedy: "end what opens so many connections; `myelinctl flows` shows who does")
    }

    private func checkClock() -> CheckView {
        switch isClockSynchronised() {
        case true?: CheckView("clock", .ok, "the kernel's clock is synchronised")
        case false?:
            CheckView(
                "clock", .warning, "the kernel's clock is not synchronised",
                remedy: "run an NTP client: certificates of other nodes are judged by this clock")
        case nil: CheckView("clock", .ok, "the daemon's sandbox does not let it ask; see timedatectl")
        }
    }

    /// Can the daemons of the other nodes be reached? That is a TCP connect to the tunnel's port.
    private func checkPeers() async -> [CheckView] {
        let nodes = await parts.reconciler.registry.nodes.values.filter { $0.name != configuration.node.name }.sorted { $0.name < $1.name }
        return nodes.prefix(Self.maximumPeers).map { node in
            let reachable = TCPSocket.answers(node.tunnel, timeout: Self.peerTimeout)
            return reachable
                ? CheckView("peer \(node.name)", .ok, "answers on \(node.tunnel)")
                : CheckView(
                    "peer \(node.name)", .error, "does not answer on \(node.tunnel)",
                    remedy: "is its daemon running, and does a firewall let the port through?")
        }
    }

    private static let maximumPeers = 100
    /// Milliseconds.
    private static let peerTimeout: Int32 = 500
}
