/// What a laboratory consists of: nodes, services with their instances, and the policy files as an operator would write them.
package struct Topology: Codable, Sendable {
    /// Pods have addresses 10 + position; a /24 holds no more, .9 is the outsider's.
    package static let maximumPodsPerNode = 200
    package static let maximumNodes = 100

    package var nodes: [Node]
    package var services: [Service]
    /// Other names of services, as in `aliases:` of node.yaml.
    package var aliases: [String: String] = [:]
    package var trustDomain = "daarion.city"
    package var namespace = "default"
    package var authority = Authority()

    /// The certificate authority of the nodes.
    package struct Authority: Codable, Sendable {
        /// The first node carries it and the others join with tokens; else all share a directory.
        package var isServed = false
        /// Directories of `chain.pem`, `key.pem` and `roots.pem`: the first nodes carry one authority each, as each other's peers, and sign with them.
        package var intermediates: [String] = []
        /// Seconds that certificates live.
        package var lifetime = 24 * 3600

        package init() {}
    }

    package init(nodes: [Node], services: [Service]) {
        self.nodes = nodes
        self.services = services
    }

    package struct Node: Codable, Sendable {
        package var name: String
        package var zone: String
        package var region: String
        package var workers = 2
        /// `capture.direct`: permitted connections within the node go without the daemon.
        package var direct = true
        /// `capture.unknown` and `capture.closed`, the latter below the laboratory's cgroup of the node.
        package var unknown = "refuse"
        package var closed: [String] = []
        package var logsAccess = true
        /// The socket of a SPIFFE agent that gives the node its SVIDs; nil: the laboratory's own authority does.
        package var agent: String?
        /// Keys of `dns:` beside the domain.
        package var names = "upstream: [10.87.0.254]"
        package var registry = Registry.files
        /// Lines to append to this node's node.yaml, for tests of the configuration.
        package var extraConfiguration = ""

        /// Where the node has its records from; a store is the laboratory's (`LabStore`).
        package enum Registry: String, Codable, Sendable { case files, store }

        package init(name: String, zone: String, region: String) {
            self.name = name
            self.zone = zone
            self.region = region
        }
    }

    package struct Service: Codable, Sendable {
        package var name: String
        package var port: UInt16
        package var program: Program
        package var instances: [Instance]
        package var family: Family = .dual
        /// The text of `policy/<name>.yaml`; nil: no file, so it may call nothing.
        package var policy: String?
        package var version = "v1.0.0"
        /// `protocol` of its record.
        package var applicationProtocol = "tcp"

        package init(_ name: String, port: UInt16, program: Program, on instances: [Instance], policy: String?) {
            self.name = name
            self.port = port
            self.program = program
            self.instances = instances
            self.policy = policy
        }
    }

    /// The unmodified program of a service. The first three answer `GET /` with JSON that names them (see `ServiceProgram`).
    package enum Program: Codable, Sendable {
        case nginx
        case python
        /// `myelin-load http-serve`: can be made slow or failing (`Lab.steer`), and counts (`Lab.requestCounts`).
        case steerable
        /// Started as it is; it must listen on the service's port.
        case command([String])
        /// Waits and listens on nothing: a place to run commands in.
        case idle
    }

    package enum Family: String, Codable, Sendable {
        case dual
        /// Listens on, and is registered with, its IPv6 address only.
        case ipv6Only
    }

    package struct Instance: Codable, Sendable {
        package var node: String
        package var placement: Placement
        /// nil: the service's.
        package var version: String?

        package enum Placement: String, Codable, Sendable {
            /// A network namespace of its own behind the node.
            case pod
            /// The node's own namespace, as a systemd service has it.
            case host
        }

        package static func pod(_ node: String, version: String? = nil) -> Instance {
            Instance(node: node, placement: .pod, version: version)
        }
        package static func host(_ node: String) -> Instance { Instance(node: node, placement: .host) }
    }

    /// Refuses what cannot be raised, before anything is made.
    package func check() throws(LabError) {
        guard !nodes.isEmpty, nodes.count <= Self.maximumNodes else { throw LabError("a laboratory has 1 to \(Self.maximumNodes) nodes") }
        for name in nodes.map(\.name) + services.map(\.name) where !Self.isLabel(name) {
            throw LabError("\"\(name)\" is no DNS label")
        }
        guard Set(nodes.map(\.name)).count == nodes.count else { throw LabError("two nodes have one name") }
        guard Set(services.map(\.name)).count == services.count else { throw LabError("two services have one name") }
        for service in services {
            for instance in service.instances where !nodes.contains(where: { $0.name == instance.node }) {
                throw LabError("\(service.name) is placed on \"\(instance.node)\", which is no node of the laboratory")
            }
        }
        for node in nodes {
            let pods = services.flatMap(\.instances).filter { $0.node == node.name && $0.placement == .pod }
            guard pods.count <= Self.maximumPodsPerNode else { throw LabError("\(node.name) has over \(Self.maximumPodsPerNode) pods") }
        }
    }

    private static func isLabel(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 63 && name.first != "-" && name.last != "-"
            && name.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 45 }
    }
}
