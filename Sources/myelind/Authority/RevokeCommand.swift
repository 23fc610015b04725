internal import ArgumentParser
internal import MeshConfig
internal import MeshIdentity
internal import MeshTypes

extension RevocationReason: ExpressibleByArgument {}

/// `myelind ca revoke`
struct RevokeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke", abstract: "Take certificates back: every node refuses them, and ends what they carry.",
        discussion: "Exactly one of --serial, --service and --node.")

    @OptionGroup var authority: AuthorityOptions

    @Option(help: "One certificate, by its hexadecimal serial (`myelinctl certificates`).")
    var serial: String?

    @Option(help: "All certificates of a service that were issued until now: wallet, or namespace/wallet.")
    var service: String?

    @Option(help: "A node: its certificates, those of services that it asked for, and all that it might ask for.")
    var node: String?

    @Option(help: ArgumentHelp("One of \(RevocationReason.allCases.map(\.rawValue).joined(separator: ", "))."))
    var reason = RevocationReason.unspecified

    func validate() throws {
        guard [serial, service, node].compactMap(\.self).count == 1 else {
            throw ValidationError("name exactly one of --serial, --service and --node")
        }
        if let service, Self.identity(service, namespace: "default") == nil { throw ValidationError("\"\(service)\" is no service") }
    }

    func run() throws {
        let (count, peers) = try authority.run { configuration throws(AuthorityFailure) in
            _ = try configuration.openAuthority()
            let count = try RevocationOrder(try target(configuration), reason: reason).apply(
                directory: configuration.authorityDirectory, trustDomain: configuration.trustDomain)
            return (count, configuration.authority.peers)
        }
        print("revoked: \(count) \(count == 1 ? "certificate" : "certificates")\(node.map { ", and the node \($0)" } ?? "")")
        if service != nil, !peers.isEmpty {
            print("what others issued stays valid; give the same order at \(peers.map(\.description).joined(separator: ", "))")
        }
    }

    private func target(_ configuration: NodeConfiguration) throws(AuthorityFailure) -> RevocationOrder.Target {
        if let serial { return .serial(serial) }
        if let node { return .node(node) }
        guard let service, let identity = Self.identity(service, namespace: configuration.namespace) else {
            throw AuthorityFailure(.request, "nothing is named", advice: "name --serial, --service or --node")
        }
        return .service(identity)
    }

    private static func identity(_ text: String, namespace: String) -> ServiceIdentity? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let last = parts.last, let name = ServiceName(last) else { return nil }
        let place = parts.count == 2 ? String(parts[0]) : namespace
        return DNSLabel.isValid(place.utf8) ? ServiceIdentity(namespace: place, name: name) : nil
    }
}

/// `myelind ca restore`
struct RestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Let a revoked node join again, with a new token.")

    @OptionGroup var authority: AuthorityOptions

    @Option(help: "The node's name.")
    var node: String

    func run() throws {
        let (wasRevoked, revoker) = try authority.run { configuration throws(AuthorityFailure) in
            let directory = configuration.authorityDirectory
            let wasRevoked = try RevocationOrder.restore(node: node, directory: directory)
            return (wasRevoked, try KnownRevocations.read(in: directory).revoker(of: node))
        }
        if let revoker {
            print("\(node) is still revoked by \(revoker); restore it there")
        } else {
            print(wasRevoked ? "\(node) may join again; make a token: myelind ca token --node \(node)" : "\(node) is not revoked")
        }
    }
}
