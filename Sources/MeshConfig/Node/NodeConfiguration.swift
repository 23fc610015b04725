package import MeshTypes

/// What one node's daemon is told: `node.yaml`. Everything but `node.name` and `node.address` has a default.
package struct NodeConfiguration: Sendable {
    package var node: Node
    package var trustDomain = "cluster.local"
    /// The namespace of services whose records name none, and of the policy files.
    package var namespace = "default"
    /// The authority's key and the virtual addresses are kept here.
    package var stateDirectory = "/var/lib/myelin"
    /// The status socket and the lock.
    package var runDirectory = "/run/myelin"
    package var registry = Registry()
    package var discovery: [DiscoveryRule] = []
    package var admin = Admin()
    package var policy = "/etc/myelin/policy"
    /// Other names of services.
    package var aliases: [ServiceName: ServiceName] = [:]
    package var workers: Int
    package var capture = Capture()
    package var tunnel = Tunnel()
    package var dns = DNS()
    package var authority = Authority()
    package var metrics = SocketAddress(ip: .v4Loopback, port: 15020)
    package var log = Log()
    package var limits = Limits()
    package var spiffe = SPIFFE()

    /// `node:`
    package struct Node: Sendable {
        package var name: String
        /// Other nodes reach this one here.
        package var address: IPAddress
        package var zone = ""
        package var region = ""
    }

    /// `capture:`; cgroup paths are below the cgroup v2 mount.
    package struct Capture: Sendable {
        package enum Unknown: String, Sendable, CaseIterable { case refuse, pass }

        package var cgroup = "/"
        /// nil: the one that the daemon runs in.
        package var daemonCgroup: String?
        /// What becomes of traffic of processes without an identity.
        package var unknown = Unknown.refuse
        /// Below these cgroups nobody unknown passes, whatever `unknown` says.
        package var closed = ["/meshed.slice"]
        package var pins = "/sys/fs/bpf/myelin"
        /// Holds the kernel programs; nil: beside the executable, else `/usr/lib/myelin`.
        package var objects: String?
        /// Permitted connections between two workloads of this node go without the daemon.
        package var direct = true
    }

    /// `tunnel:`
    package struct Tunnel: Sendable {
        package var port: UInt16 = 15008
        package var keepalive = Duration.seconds(10)
        package var connectTimeout = Duration.seconds(5)
    }

    /// `log:`
    package struct Log: Sendable {
        package enum Level: String, Sendable, CaseIterable { case trace, debug, info, notice, warning, error, critical }

        /// Where access lines go: nil for standard output, empty for nowhere.
        package var access: String?
        package var level = Level.info
    }

    /// `limits:`; where the rates are counted that all nodes share.
    package struct Limits: Sendable {
        /// What becomes of requests with such a rate while Redis is away.
        package enum Unavailable: String, Sendable, CaseIterable { case local, refuse }

        /// nil: this node counts by itself.
        package var redis: RedisAddress?
        package var username: String?
        package var passwordFile: String?
        /// Authorities for its certificate; nil: those of the system.
        package var authorityFile: String?
        /// For the answer to each command.
        package var timeout = Duration.milliseconds(200)
        package var unavailable = Unavailable.local
    }

    /// `spiffe:`
    package struct SPIFFE: Sendable {
        /// Where workloads fetch their SVIDs; nil: nowhere.
        package var workloadSocket: String?
        /// The agent that gives this node its SVIDs in place of `ca`; nil: none.
        package var agentSocket: String?
    }

    /// The authority's directory.
    package var authorityDirectory: String { authority.directory ?? stateDirectory + "/ca" }
    package var statusSocket: String { runDirectory + "/status.sock" }
}
