internal import ArgumentParser

/// `myelind`: the daemon, unless a subcommand says otherwise.
@main
struct Myelind: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "myelind", abstract: "The daemon of a node, and its certificate authority.",
        subcommands: [DaemonCommand.self, AuthorityCommand.self], defaultSubcommand: DaemonCommand.self)
}
