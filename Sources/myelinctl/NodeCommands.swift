internal import ArgumentParser
internal import Foundation
internal import MeshAdmin
internal import MeshTypes

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "status", abstract: "The daemon at a glance, and what is wrong.")
    @OptionGroup var options: ControlOptions

    func run() async throws {
        let status = try await options.ask { client throws(StatusClientFailure) in try await client.status() }
        guard options.output == .table else { return try options.printJSON(status) }
        let adopted =
            status.adoptedGenerations.allSatisfy { $0 == status.generation }
            ? "adopted by all workers" : "workers have \(status.adoptedGenerations)"
        let age = Readable.seconds(Double(status.uptimeSeconds))
        let fields: [(String, String)] = [
            (
                "node",
                "\(status.node) (zone \(status.zone.isEmpty ? "-" : status.zone), region \(status.region.isEmpty ? "-" : status.region))"
            ),
            (
                "state",
                "\(status.state.rawValue), up \(age), process \(status.pid), version \(status.version)"
            ),
            ("trust domain", status.trustDomain),
            ("tunnel", status.tunnel),
            ("capture", status.tookOver ? "taken over from the daemon before" : "attached afresh"),
            ("snapshot", "generation \(status.generation), \(adopted)"),
            ("workloads", "\(status.workloads) captured, \(status.workloadsWaiting) waiting"),
            ("services", "\(status.services)"),
            ("carried now", "\(status.flows) flows, \(status.tunnels) tunnels"),
        ]
        for (name, value) in fields { print(name.padding(toLength: 14, withPad: " ", startingAt: 0) + Readable.plain(value)) }
        if status.problems.isEmpty { print("problems      none") }
        for problem in status.problems { print("PROBLEM: \(Readable.plain(problem.what))\n         \(Readable.plain(problem.remedy))") }
    }
}

struct WorkloadsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "workloads", abstract: "The workloads of this node and whether they are captured.")
    @OptionGroup var options: ControlOptions

    func run() async throws {
        let views = try await options.ask { client throws(StatusClientFailure) in try await client.workloads() }
        try options.show(
            views,
            [
                Column("SERVICE") { "\($0.namespace)/\($0.service)" }, Column("STATE") { $0.state.rawValue },
                Column("MTLS") { $0.permissive ? "permissive" : "required" }, Column("NETWORK") { $0.network },
                Column("CONNECTIONS") { view in
                    view.connections.map { "\($0.open)" + ($0.share.map { " of \($0)" } ?? "") } ?? ""
                },
                Column("REFUSED") { $0.connections.map { "\($0.refused)" } ?? "" }, Column("CGROUP") { $0.cgroup },
                Column("REASON") { $0.reason ?? "" },
            ], none: "The registry places no workload on this node.")
    }
}

struct CertificatesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "certificates", abstract: "The certificates that this node holds.")
    @OptionGroup var options: ControlOptions

    func run() async throws {
        let views = try await options.ask { client throws(StatusClientFailure) in try await client.certificates() }
        try options.show(
            views,
            [
                Column("SPIFFE ID") { $0.spiffe }, Column("HELD BY") { $0.workload ?? "daemon" }, Column("STATE") { $0.state },
                Column("NOT BEFORE") { $0.notBefore ?? "" },
                Column("NOT AFTER") { $0.notAfter ?? "" }, Column("RENEWAL") { $0.nextRenewal ?? "" }, Column("SERIAL") { $0.serial ?? "" },
                Column("ERROR") { $0.lastError ?? "" },
            ], none: "This node holds no certificate: no workload is captured here.")
    }
}

struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "config", abstract: "The configuration in force, defaults included.")
    @OptionGroup var options: ControlOptions

    func run() async throws {
        let view = try await options.ask { client throws(StatusClientFailure) in try await client.configuration() }
        switch options.output {
        case .json: try options.printJSON(view)
        case .table: print(VisibleText.plain(view.text, keepingLines: true), terminator: "")
        }
    }
}

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Diagnoses the node and says what to do about each finding.",
        discussion: "Looks at the machine itself too, so it helps when the daemon does not run. Exit status 1 if there is an error.")
    @OptionGroup var options: ControlOptions

    func run() async throws {
        var views = MachineChecks.run(socket: options.socket)
        do throws(StatusClientFailure) {
            views += try await StatusClient(socket: options.socket).checks()
        } catch {
            views.append(
                CheckView(
                    "daemon", .error, error.description,
                    remedy: "start it: systemctl start myelind; if it will not, see its log: journalctl -u myelind"))
        }
        try options.show(
            views,
            [
                Column("CHECK") { $0.name }, Column("RESULT") { $0.outcome.rawValue }, Column("WHAT") { $0.message },
                Column("WHAT TO DO") { $0.remedy },
            ], none: "")
        if views.contains(where: { $0.outcome == .error }) { throw ExitCode.found }
    }
}
