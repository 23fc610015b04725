internal import ArgumentParser

/// `myelinctl`: looks inside a node's daemon, changes what its user may, and writes the files by which units join the mesh.
@main
struct ControlCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "myelinctl",
        abstract: "Looks inside the daemon of a node, and puts systemd units into the mesh.",
        discussion: """
            The daemon's status socket is --socket, else the environment's MYELIN_SOCKET, else /run/myelin/status.sock.
            Exit status: 0 all is well; 1 a check found an error, a call is not permitted, or the daemon refuses the question;
            2 the daemon does not answer; 64 wrong usage.
            """,
        subcommands: [
            StatusCommand.self, WorkloadsCommand.self, ServicesCommand.self, EndpointsCommand.self, CertificatesCommand.self,
            PoliciesCommand.self, ConnectionsCommand.self, FlowsCommand.self, NamesCommand.self, ConfigCommand.self, CheckCommand.self,
            ExplainCommand.self, RegistryCommand.self, RegisterCommand.self, HeartbeatCommand.self, DrainCommand.self,
            DeregisterCommand.self,
            EnrolCommand.self, WithdrawCommand.self, AwaitCommand.self,
        ])

    static func main() async { await main(inOrder(Array(CommandLine.arguments.dropFirst()))) }

    /// Options may stand before the command too: `myelinctl --socket PATH status`.
    private static func inOrder(_ words: [String]) -> [String] {
        var options: [String] = []
        var rest = words[...]
        while let word = rest.first, word.hasPrefix("-"), !["-h", "--help"].contains(word) {
            options.append(rest.removeFirst())
            if !word.contains("="), let value = rest.first {
                options.append(value)
                rest = rest.dropFirst()
            }
        }
        guard let command = rest.first else { return words }
        return [command] + options + rest.dropFirst()
    }
}

/// Exit statuses beyond success.
extension ExitCode {
    static let found = ExitCode(1)
    static let unreachable = ExitCode(2)
}
