internal import ArgumentParser
internal import MeshConfig
internal import MeshIdentity
internal import MeshTypes

/// `myelind ca rotate`
struct RotateCommand: ParsableCommand {
    enum Step: String, ExpressibleByArgument, CaseIterable { case prepare, activate, retire }

    static let configuration = CommandConfiguration(
        commandName: "rotate", abstract: "Change the root in three steps: prepare, activate, retire.",
        discussion: """
            prepare   makes the next root; from now on every node trusts it
            activate  the next root signs; refused until every node trusts it
            retire    the root before is trusted no more; refused until its certificates have ended
            """)

    @Argument(help: "prepare, activate or retire.")
    var step: Step

    @OptionGroup var authority: AuthorityOptions

    @Flag(help: "Take the step even if it cuts nodes off.")
    var force = false

    func run() throws {
        try authority.run { configuration throws(AuthorityFailure) in
            guard configuration.authority.intermediate == nil else {
                throw AuthorityFailure(
                    .request, "this authority signs with an intermediate of another one",
                    advice: "put the next root into its `roots` file, then the next intermediate into `certificate` and `key`")
            }
            let rotation = configuration.rotation
            switch step {
            case .prepare: try rotation.prepare()
            case .activate: try rotation.activate(force: force)
            case .retire: try rotation.retire(lifetime: configuration.authority.lifetime, force: force)
            }
        }
        switch step {
        case .prepare: print("the next root is made and will be trusted everywhere; then: myelind ca rotate activate")
        case .activate: print("the next root signs; once the certificates of the one before have ended: myelind ca rotate retire")
        case .retire: print("the root before is trusted no more; the change is over")
        }
    }
}
