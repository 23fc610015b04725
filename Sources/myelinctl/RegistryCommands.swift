internal import ArgumentParser
internal import Foundation
internal import MeshAdmin

struct RegistryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "registry", abstract: "Where records come from, and what does not fit.",
        subcommands: [RegistrySourcesCommand.self, RegistryInstancesCommand.self, RegistryAcceptCommand.self],
        defaultSubcommand: RegistrySourcesCommand.self)
}

struct RegistrySourcesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sources", abstract: "The sources, the first of which wins conflicts, and records that are left out.")
    @OptionGroup var options: ControlOptions

    func run() async throws {
        let view = try await options.ask { client throws(StatusClientFailure) in try await client.registry() }
        guard options.output == .table else { return try options.printJSON(view) }
        try options.show(
            view.sources,
            [
                Column("RANK") { "\($0.rank)" }, Column("SOURCE") { $0.name }, Column("STATE") { $0.state }, Column("SINCE") { $0.since },
                Column("RECORDS") { "\($0.records)" },
                Column("AGE") { $0.ageSeconds.map { Readable.seconds(Double($0)) } ?? "" },
                Column("FROM") { $0.remembered ? "before the start" : $0.generation }, Column("CHANGES") { "\($0.changes)" },
                Column("WHAT") { $0.failure ?? "" }, Column("WHAT TO DO") { $0.remedy ?? "" },
            ], none: "There are no sources.")
        if view.draining { print("\nThis node drains: its endpoints take no new calls (myelinctl drain node --undo).") }
        for publisher in view.publishers where !publisher.current {
            print(Readable.plain("\n\(publisher.name) does not have this node's endpoints: \(publisher.failure ?? "it is being told")"))
        }
        guard view.problemCount > 0 else { return }
        print("\n\(view.problemCount) records are left out or contradict each other:")
        for problem in view.problems {
            print(
                "  \(problem.kind) in \(problem.source): "
                    + problem.what.split(separator: "\n").map { Readable.plain("\($0)") }.joined(separator: "\n   "))
        }
    }
}

struct RegistryInstancesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "instances", abstract: "Instances of this node that registered, or that `discovery` found.")
    @OptionGroup var options: ControlOptions

    func run() async throws {
        let views = try await options.ask { client throws(StatusClientFailure) in try await client.instances() }
        try options.show(
            views,
            [
                Column("SERVICE") { "\($0.namespace)/\($0.service)" }, Column("SOURCE") { $0.source }, Column("ID") { $0.id },
                Column("STATE") { $0.state }, Column("ADDRESSES") { $0.addresses.joined(separator: ", ") },
                Column("VERSION") { $0.version }, Column("TTL") { $0.ttl ?? "" }, Column("CGROUP") { $0.cgroup },
                Column("REASON") { $0.reason ?? "" },
            ], none: "Nothing is registered here, and `discovery` found nothing.")
    }
}

struct RegistryAcceptCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "accept", abstract: "Says that a source which lost its records at once is right.")
    @OptionGroup var options: ControlOptions
    @Argument(help: "The source, as `myelinctl registry` names it.") var source: String

    func run() async throws { try await options.change(.accept(source: source)) }
}

struct RegisterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "register", abstract: "Registers an instance of a service on this node.",
        discussion: "Registering the same name again replaces it. With --ttl it is forgotten unless `myelinctl heartbeat` comes in time.")
    @OptionGroup var options: ControlOptions
    @Argument(help: "The instance's name on this node, such as wallet-1.") var id: String
    @Option(help: "The service.") var service: String
    @Option(help: "The port that it listens on.") var port: UInt16
    @Option(help: "The service's namespace, unless it is the node's.") var namespace: String?
    @Option(help: "Its address, unless it is the node's.") var address: String?
    @Option(help: "The port that callers use, unless it is the same.") var servicePort: UInt16?
    @Option(help: "auto, tcp, http, http2, grpc, postgres or nats.") var `protocol`: String?
    @Option(help: "Its version.") var version: String?
    @Option(help: "Its share of the traffic against others, from 1 to 10000.") var weight: Int?
    @Option(help: "Path of its cgroup below the cgroup v2 mount, so that its processes are captured.") var cgroup: String?
    @Option(help: "`host`, or the path of its network namespace.") var netns: String?
    @Option(help: "Forget it without a heartbeat for so long, such as 30s.") var ttl: String?

    func run() async throws {
        var view = RegistrationView(service: service, port: port)
        view.namespace = namespace
        view.address = address
        view.servicePort = servicePort
        view.protocol = `protocol`
        view.version = version
        view.weight = weight
        view.cgroup = cgroup
        view.netns = netns
        view.ttl = ttl
        try await options.change(.register(id: id, view))
    }
}

struct HeartbeatCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "heartbeat", abstract: "Says that a registered instance lives.")
    @OptionGroup var options: ControlOptions
    @Argument(help: "The instance's name.") var id: String

    func run() async throws { try await options.change(.heartbeat(id: id)) }
}

struct DrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "No new calls for a registered instance, or for all endpoints of this node (`drain node`).",
        discussion: "Calls under way go on. It is in force here at once, and on other nodes as soon as their store tells them.")
    @OptionGroup var options: ControlOptions
    @Argument(help: "The instance's name, or the word node.") var id: String
    @Flag(help: "It takes calls again.") var undo = false

    func run() async throws { try await options.change(id == "node" ? .drainNode(!undo) : .drain(id: id, !undo)) }
}

struct DeregisterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "deregister", abstract: "Forgets a registered instance.")
    @OptionGroup var options: ControlOptions
    @Argument(help: "The instance's name.") var id: String

    func run() async throws { try await options.change(.deregister(id: id)) }
}

extension ControlOptions {
    /// Asks for a change and says what was done.
    func change(_ change: AdminChange) async throws {
        let done = try await ask { client throws(StatusClientFailure) in try await client.change(change) }
        switch output {
        case .json: try printJSON(["done": done])
        case .table: print(Readable.plain(done))
        }
    }
}
