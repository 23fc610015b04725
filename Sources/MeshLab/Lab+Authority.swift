internal import Foundation

/// The certificate authority of a laboratory's nodes, as an operator handles it.
extension Lab {
    /// Runs `myelind ca` on a node that carries an authority; nil: the first.
    @discardableResult
    package func authority(_ arguments: [String], on node: LabNode? = nil) throws(LabError) -> CommandResult {
        let node = node ?? nodes[0]
        return try runOnNode(node, [binaries.daemon, "ca"] + arguments + ["--config", node.configurationFile])
    }

    /// Puts a join token down for a node that has none.
    func giveToken(_ node: LabNode) throws(LabError) {
        guard plan.topology.authority.isServed, !plan.authorities.contains(where: { $0.name == node.name }),
            !FileManager.default.fileExists(atPath: node.joinTokenFile)
        else { return }
        let made = try authority(["token", "--node", node.name])
        guard made.succeeded else { throw LabError("no join token for \(node.name)", made.description) }
        try Documents.write(made.output, to: node.joinTokenFile)
    }

    private struct Certificate: Decodable {
        var state: String
        var serial: String?
    }

    /// The serials of a node's valid certificates; nil while one of its services has none.
    package func certificates(_ node: LabNode) throws(LabError) -> Set<String>? {
        let result = try control(node, ["certificates", "-o", "json"])
        guard result.succeeded, let found = try? JSONDecoder().decode([Certificate].self, from: Data(result.output.utf8)) else {
            return nil
        }
        let valid = found.filter { $0.state == "valid" }.compactMap(\.serial)
        return valid.count == found.count && !found.isEmpty ? Set(valid) : nil
    }

    /// Waits until every service of every node has a certificate.
    package func awaitCertificates(timeout: Duration = .seconds(30)) throws(LabError) {
        let deadline = ContinuousClock.now + timeout
        for node in nodes {
            while try certificates(node) == nil {
                guard ContinuousClock.now < deadline else {
                    throw LabError("\(node.name) has no certificates", daemonLogTail(node))
                }
                usleep(100_000)
            }
        }
    }
}
