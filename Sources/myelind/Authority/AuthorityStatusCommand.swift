internal import ArgumentParser
internal import Foundation
internal import MeshConfig
internal import MeshIdentity
internal import MeshTypes

/// `myelind ca status`
struct AuthorityStatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show roots, the change of root, the nodes that ask, and what is revoked.")

    @OptionGroup var authority: AuthorityOptions

    func run() throws {
        let lines = try authority.run { configuration throws(AuthorityFailure) in try Self.lines(configuration) }
        print(lines.joined(separator: "\n"))
    }

    private static func lines(_ configuration: NodeConfiguration) throws(AuthorityFailure) -> [String] {
        let authority = try configuration.openAuthority()
        let trust = try authority.trust()
        var lines = [
            "directory   \(authority.directory)",
            "trust       \(configuration.trustDomain), \(trust.roots.count) \(trust.roots.count == 1 ? "root" : "roots")",
            "issuer      until \(authority.rootNotAfter.formatted(.iso8601))",
            "rotation    \(try configuration.rotation.phase().rawValue)",
            "version     \(trust.version)",
        ]
        let nodes = try NodeJournal.read(in: authority.directory).nodes.sorted { $0.key < $1.key }
        for (name, entry) in nodes {
            let state = entry.version == trust.version ? "up to date" : "behind"
            lines.append("node        \(name)  \(state)  asked \(date(entry.seen))")
        }
        let known = try KnownRevocations.read(in: authority.directory)
        let revoked = known.own
        for node in revoked.nodes { lines.append("revoked     node \(node.name)  \(node.reason.rawValue)  \(date(node.revokedAt))") }
        for entry in revoked.certificates {
            let subject = entry.subject.isEmpty ? "(unknown)" : entry.subject
            lines.append("revoked     \(entry.serial)  \(subject)  \(entry.reason.rawValue)  \(date(entry.revokedAt))")
        }
        for (peer, notice) in known.peers.sorted(by: { $0.key < $1.key }) {
            for node in notice.nodes { lines.append("revoked     node \(node)  by the authority at \(peer)") }
            for serial in notice.serials { lines.append("revoked     \(serial)  by the authority at \(peer)") }
        }
        return lines
    }

    private static func date(_ seconds: Int64) -> String { Date(timeIntervalSince1970: TimeInterval(seconds)).formatted(.iso8601) }
}
