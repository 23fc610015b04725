internal import ArgumentParser
internal import Foundation
internal import MeshAdmin
internal import MeshTelemetry
internal import MeshTypes

struct ServicesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "services", abstract: "The services of the mesh and their virtual addresses.")
    @OptionGroup var options: ControlOptions

    func run() async throws {
        let views = try await options.ask { client throws(StatusClientFailure) in try await client.services() }
        try options.show(
            views,
            [
                Column("SERVICE") { "\($0.namespace)/\($0.service)" }, Column("PORT") { "\($0.port)" },
                Column("PROTOCOL") { $0.applicationProtocol }, Column("ENDPOINTS") { "\($0.endpoints)" },
                Column("HERE") { "\($0.localEndpoints)" }, Column("BREAKER") { $0.breaker },
                Column("VIRTUAL ADDRESSES") { $0.virtualAddresses.joined(separator: ", ") },
            ], none: "The registry names no service.")
    }
}

struct EndpointsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "endpoints", abstract: "The endpoints of services, the nearest first.")
    @OptionGroup var options: ControlOptions
    @Argument(help: "Only of this service.") var service: String?

    func run() async throws {
        let views = try await options.ask { client throws(StatusClientFailure) in try await client.endpoints() }
            .filter { service == nil || $0.service == service || "\($0.namespace)/\($0.service)" == service }
        try options.show(
            views,
            [
                Column("SERVICE") { "\($0.namespace)/\($0.service)" }, Column("ADDRESS") { $0.address }, Column("NODE") { $0.node },
                Column("ZONE") { $0.zone }, Column("DISTANCE") { $0.distance }, Column("VERSION") { $0.version },
                Column("HEALTH") { $0.health.text }, Column("STATE") { $0.state }, Column("OUTSTANDING") { "\($0.outstanding)" },
                Column("LATENCY") { $0.latencyMilliseconds > 0 ? String(format: "%.1f ms", $0.latencyMilliseconds) : "-" },
                Column("TUNNEL") { $0.tunnel },
                Column("FLOWS") { "\($0.flows)" },
            ], none: "No endpoints.")
    }
}

struct PoliciesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "policies", abstract: "The policies in force.")
    @OptionGroup var options: ControlOptions

    func run() async throws {
        let views = try await options.ask { client throws(StatusClientFailure) in try await client.policies() }
        try options.show(
            views,
            [
                Column("SERVICE") { $0.service }, Column("ALLOW") { $0.allow.joined(separator: ", ") },
                Column("DENY") { $0.deny.joined(separator: ", ") }, Column("MTLS") { $0.mtls },
                Column("NOT ENFORCED YET") { $0.notEnforced.joined(separator: ", ") }, Column("FILE") { $0.file },
            ], none: "No policy is in force: every call is refused.")
    }
}

struct ConnectionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "connections", abstract: "The flows that the daemon carries now.",
        discussion: "Direct flows between two workloads of this node are the kernel's own and appear in `flows` when they end.")
    @OptionGroup var options: ControlOptions

    func run() async throws {
        let views = try await options.ask { client throws(StatusClientFailure) in try await client.connections() }
        try options.show(
            views,
            [
                Column("SOURCE") { $0.source }, Column("FROM") { $0.sourceAddress }, Column("DESTINATION") { $0.destination },
                Column("ENDPOINT") { $0.endpoint }, Column("END") { $0.reporter }, Column("PATH") { $0.path }, Column("STAGE") { $0.stage },
                Column("VERIFIED") { $0.identityVerified ? "yes" : "no" }, Column("SENT") { Readable.bytes($0.bytesSent) },
                Column("RECEIVED") { Readable.bytes($0.bytesReceived) }, Column("AGE") { Readable.seconds($0.ageSeconds) },
            ], none: "Nothing is carried now.")
    }
}

struct FlowsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flows", abstract: "Flows that ended or were refused, the newest last.",
        discussion: "With --follow, json is one object a line.")
    @OptionGroup var options: ControlOptions
    @Flag(name: .shortAndLong, help: "Go on with flows as they end.") var follow = false
    @Flag(help: "Only those that were refused.") var denied = false
    @Option(help: "How many to look back.") var limit = 50

    func validate() throws {
        guard (0...4096).contains(limit) else { throw ValidationError("--limit must be from 0 to 4096") }
    }

    func run() async throws {
        guard follow else {
            let entries = try await options.ask { client throws(StatusClientFailure) in
                try await client.flows(deniedOnly: denied, limit: limit)
            }
            return try options.show(entries, Self.columns, none: denied ? "Nothing was refused." : "No flow has ended yet.")
        }
        try await options.ask { client throws(StatusClientFailure) in
            try await client.followFlows(deniedOnly: denied) { entry in
                print(line(entry))
                // A pipe would hold lines back.
                fflush(nil)
            }
        }
        options.complain("the daemon ended the stream")
        throw ExitCode.unreachable
    }

    private func line(_ entry: FlowEntry) -> String {
        switch options.output {
        case .table: return Self.columns.map { $0.cell(entry) }.joined(separator: "  ")
        case .json:
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            encoder.keyEncodingStrategy = .convertToSnakeCase
            return (try? encoder.encode(entry)).map { VisibleText.json(document: String(decoding: $0, as: UTF8.self)) } ?? ""
        }
    }

    private static var columns: [Column<FlowEntry>] {
        [
            Column("TIME") { $0.time }, Column("SOURCE") { Readable.name($0.source.service, $0.source.namespace) },
            Column("DESTINATION") {
                $0.destination.service == nil
                    ? $0.destination.address ?? "unknown" : Readable.name($0.destination.service, $0.destination.namespace)
            },
            Column("VERDICT") { $0.verdict }, Column("REASON") { $0.reason == "none" ? "" : $0.reason }, Column("PATH") { $0.path },
            Column("END") { $0.reporter }, Column("VERIFIED") { $0.identityVerified ? "yes" : "no" },
            Column("SENT") { Readable.bytes($0.bytesSent) },
            Column("RECEIVED") { Readable.bytes($0.bytesReceived) }, Column("TOOK") { "\($0.durationMs) ms" },
        ]
    }
}

struct ExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Why one service may call another, or may not: the rule with its file and line.",
        discussion: "Exit status 1 if it may not.")
    @OptionGroup var options: ControlOptions
    @Argument(help: "The caller, with or without its namespace.") var source: String
    @Argument(help: "The callee.") var destination: String
    @Argument(help: "An operation such as payout/claim, or a path as the caller writes it.") var operation: String?

    func run() async throws {
        let view = try await options.ask { client throws(StatusClientFailure) in
            try await client.explain(source: source, destination: destination, operation: operation)
        }
        switch options.output {
        case .json: try options.printJSON(view)
        case .table: print(Readable.plain(view.text))
        }
        if !view.permitted { throw ExitCode.found }
    }
}
