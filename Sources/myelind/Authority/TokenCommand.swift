internal import ArgumentParser
internal import MeshIdentity
internal import MeshTypes

/// `myelind ca token`
struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Print a token with which one node can join once.",
        discussion: "Write it into the file that `ca.token_file` of that node names. Treat it like a password until it is used.")

    @OptionGroup var authority: AuthorityOptions

    @Option(help: "The node's name, as its node.yaml says it.")
    var node: String

    @Option(help: ArgumentHelp("How long it can be used: 90s, 30m, 1h, 2d; at most 7d.", valueName: "time"))
    var ttl: TimeArgument?

    func run() throws {
        let lifetime = ttl?.duration ?? TokenStore.defaultLifetime
        guard lifetime <= TokenStore.longestLifetime else { throw ValidationError("--ttl is longer than 7d") }
        let token = try authority.run { configuration throws(AuthorityFailure) in
            let authority = try configuration.openAuthority()
            return try TokenStore(directory: authority.directory).make(
                for: node, rootsDER: try authority.trust().roots, lifetime: lifetime)
        }
        print(token)
    }
}
