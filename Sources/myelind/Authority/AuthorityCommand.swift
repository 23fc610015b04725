internal import ArgumentParser
internal import Foundation
internal import MeshConfig
internal import MeshControl
internal import MeshIdentity
internal import MeshTypes

/// `myelind ca`: works on the authority's directory, whether its daemon runs or not. Who may write there may use it.
struct AuthorityCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ca", abstract: "The certificate authority: let nodes join, change the root, take certificates back.",
        discussion: "To be run on the node that carries the authority, as the daemon's user. The daemon follows within seconds.",
        subcommands: [
            TokenCommand.self, RotateCommand.self, RevokeCommand.self, RestoreCommand.self, AuthorityStatusCommand.self,
        ])
}

/// `--config`, and the authority that it names.
struct AuthorityOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The configuration of the node that carries the authority.", valueName: "file"))
    var config = "/etc/myelin/node.yaml"

    func load() throws -> NodeConfiguration {
        let configuration: NodeConfiguration
        do throws(DocumentErrors) {
            configuration = try NodeConfiguration.load(file: config)
        } catch {
            DaemonCommand.complain("\(error)")
            throw ExitCode(DaemonCommand.configurationError)
        }
        guard configuration.authority.servers.isEmpty else {
            DaemonCommand.complain("this node asks an authority elsewhere; run it on the node that carries it (`ca.servers` in \(config))")
            throw ExitCode.failure
        }
        return configuration
    }

    /// Runs `body`; what the authority refuses is said, with exit status 1.
    func run<Value>(_ body: (NodeConfiguration) throws(AuthorityFailure) -> Value) throws -> Value {
        let configuration = try load()
        do throws(AuthorityFailure) { return try body(configuration) } catch {
            DaemonCommand.complain("\(error)")
            throw ExitCode.failure
        }
    }
}

extension NodeConfiguration {
    func openAuthority() throws(AuthorityFailure) -> EmbeddedCA {
        try EmbeddedCA.open(
            directory: authorityDirectory, trustDomain: trustDomain, node: node.name, source: AuthoritySource(self))
    }

    var rotation: RootRotation { RootRotation(directory: authorityDirectory, trustDomain: trustDomain) }
}

/// A time such as `90s`, `30m`, `1h`, `2d`.
struct TimeArgument: ExpressibleByArgument {
    let duration: Duration

    init?(argument: String) {
        guard let unit = argument.last, let count = Int(argument.dropLast()), count > 0, count < 1_000_000 else { return nil }
        switch unit {
        case "s": duration = .seconds(count)
        case "m": duration = .seconds(60 * count)
        case "h": duration = .seconds(3600 * count)
        case "d": duration = .seconds(86400 * count)
        default: return nil
        }
    }
}
