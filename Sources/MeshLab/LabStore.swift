internal import Foundation

/// An etcd that all nodes of a laboratory reach, in the world between them (Debian's `etcd-server`).
package final class LabStore {
    package static let server = "http://10.87.0.254:2379"
    /// Of what nodes write there.
    package static let leaseSeconds = 3
    private static let peers = "http://10.87.0.254:2380"
    private static let startTime = Duration.seconds(20)

    /// What it keeps; another one goes on from another state.
    package var data: String
    private let lab: Lab
    private let place: Placement
    private var server: ChildProcess?

    /// Starts it.
    package init(_ lab: Lab) throws(LabError) {
        self.lab = lab
        data = lab.places.directory + "/etcd"
        place = Placement(cgroup: lab.places.tools, namespace: .networkOnly(lab.places.wire))
        try start()
    }

    deinit { kill() }

    /// Returns once it answers.
    package func start() throws(LabError) {
        server = try ChildProcess(
            [
                "/usr/bin/etcd", "--data-dir", data, "--listen-client-urls", Self.server, "--advertise-client-urls", Self.server,
                "--listen-peer-urls", Self.peers, "--initial-advertise-peer-urls", Self.peers, "--initial-cluster", "default=\(Self.peers)",
            ], in: place, log: lab.places.directory + "/etcd.log")
        let deadline = ContinuousClock.now + Self.startTime
        while try !control(["endpoint", "health"]).succeeded {
            guard ContinuousClock.now < deadline else {
                let log = (try? String(contentsOfFile: lab.places.directory + "/etcd.log", encoding: .utf8)) ?? ""
                throw LabError("etcd does not answer at \(Self.server)", String(log.suffix(500)))
            }
            usleep(50_000)
        }
    }

    /// A program beside it, which finds it at `server`.
    package func startBeside(_ command: [String]) throws(LabError) -> (process: ChildProcess, output: String) {
        let output = lab.places.directory + "/beside-\(UUID().uuidString).log"
        return (try ChildProcess(command, in: place, log: output), output)
    }

    /// Something else listens at its address, until `kill()`.
    package func impersonate(_ command: [String]) throws(LabError) {
        server = try ChildProcess(command, in: place, log: lab.places.directory + "/liar.log")
    }

    /// At once, without a farewell.
    package func kill() {
        server?.end()
        server = nil
    }

    /// Cuts it off from a node, or lifts that: what it sends vanishes, so nothing is acknowledged, and nobody is told.
    package func setPath(to node: LabNode, isOpen: Bool) throws(LabError) {
        try ChildProcess.script("ip -n \(lab.places.wire) route \(isOpen ? "del" : "add") blackhole \(node.uplink4)/32")
    }

    /// `etcdctl` with these words.
    @discardableResult
    package func control(_ words: [String]) throws(LabError) -> CommandResult {
        let command = ["env", "ETCDCTL_API=3", "etcdctl", "--endpoints", Self.server] + words
        return try ChildProcess.run(command, in: place, timeout: .seconds(15))
    }

    /// An operator's record of a service.
    package func declare(_ service: String, _ record: String) throws(LabError) {
        let result = try control(["put", "/myelin/services/default/\(service)", record])
        guard result.succeeded else { throw LabError("etcd does not take the record of \(service)", result.output) }
    }
}
