/// One instance of a service in a raised laboratory, and everything that tests need to find it.
package struct Workload: Sendable, Hashable, CustomStringConvertible {
    package let service: String
    /// Counts the instances of one service, from 0, in the topology's order.
    package let index: Int
    package let node: String
    package let isHost: Bool
    package let port: UInt16
    /// The name of its network namespace below /run/netns.
    package let namespace: String
    /// Absolute directory.
    package let cgroup: String
    package let ipv4: String
    package let ipv6: String
    package let version: String

    package var name: String { "\(service)-\(index)" }
    package var description: String { "\(name) on \(node)" }
    /// What every answer of the service contains in plain text, to be searched for in captured packets.
    package var marker: String { Self.marker(service) }
    package static func marker(_ service: String) -> String { "MYELIN-PLAINTEXT-MARKER-\(service)" }
}

/// A node of a raised laboratory.
package struct LabNode: Sendable, Hashable {
    package let name: String
    package let zone: String
    package let region: String
    /// From 1: the third byte of its addresses.
    package let number: Int
    package let namespace: String
    package let directory: String
    /// Absolute; `daemon`, `workloads` and `outside` lie below it.
    package let cgroup: String
    package let pins: String
    package let workers: Int
    package let direct: Bool
    package let unknown: String
    package let closed: [String]
    package let logsAccess: Bool
    let names: String
    package let agent: String?
    let registry: Topology.Node.Registry
    package let extraConfiguration: String

    package var ipv4: String { "10.88.\(number).1" }
    package var ipv6: String { "fd88:\(number)::1" }
    var uplink4: String { "10.87.0.\(number)" }
    var uplink6: String { "fd87::\(number)" }
    package var statusSocket: String { directory + "/run/status.sock" }
    package var daemonCgroup: String { cgroup + "/daemon" }
    package var configurationFile: String { directory + "/node.yaml" }
    package var policyDirectory: String { directory + "/policy" }
    /// Where the node finds its join token, if the authority is elsewhere.
    package var joinTokenFile: String { directory + "/join.token" }
    package var registryDirectory: String { directory + "/registry" }
    package var daemonLog: String { directory + "/logs/myelind.log" }
    package var accessLog: String { directory + "/logs/access.log" }
    var outsideNamespace: String { namespace + "-outside" }
    package var outsideIPv4: String { "10.88.\(number).9" }
    package var outsideIPv6: String { "fd88:\(number)::9" }
}
