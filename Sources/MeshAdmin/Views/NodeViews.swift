/// What the daemon shows of itself. Keys are snake_case in JSON; times are RFC 3339, UTC.
package struct StatusView: Codable, Sendable {
    package enum State: String, Codable, Sendable { case starting, serving, draining }

    /// Something that keeps the node from doing what its files say.
    package struct Problem: Codable, Sendable, Equatable {
        package let what: String
        package let remedy: String

        package init(what: String, remedy: String) {
            self.what = what
            self.remedy = remedy
        }
    }

    package var version: String
    package var node: String
    package var zone: String
    package var region: String
    package var trustDomain: String
    package var tunnel: String
    package var state: State
    package var pid: Int32
    package var uptimeSeconds: Int
    /// The daemon took over the kernel programs of one before it.
    package var tookOver: Bool
    /// The last snapshot published, and what each worker has adopted.
    package var generation: UInt64
    package var adoptedGenerations: [UInt64]
    package var workloads: Int
    package var workloadsWaiting: Int
    package var services: Int
    package var flows: UInt64
    package var tunnels: UInt64
    package var problems: [Problem]

    package init(
        version: String, node: String, zone: String, region: String, trustDomain: String, tunnel: String, state: State, pid: Int32,
        uptimeSeconds: Int, tookOver: Bool, generation: UInt64, adoptedGenerations: [UInt64], workloads: Int, workloadsWaiting: Int,
        services: Int, flows: UInt64, tunnels: UInt64, problems: [Problem]
    ) {
        self.version = version
        self.node = node
        self.zone = zone
        self.region = region
        self.trustDomain = trustDomain
        self.tunnel = tunnel
        self.state = state
        self.pid = pid
        self.uptimeSeconds = uptimeSeconds
        self.tookOver = tookOver
        self.generation = generation
        self.adoptedGenerations = adoptedGenerations
        self.workloads = workloads
        self.workloadsWaiting = workloadsWaiting
        self.services = services
        self.flows = flows
        self.tunnels = tunnels
        self.problems = problems
    }
}

/// A workload of this node.
package struct WorkloadView: Codable, Sendable {
    package enum State: String, Codable, Sendable { case captured, waiting }

    package let service: String
    package let namespace: String
    package let spiffe: String
    package let cgroup: String
    /// What the kernel programs know it by; nil while it waits.
    package let cgroupInode: UInt64?
    /// `host`, or the addresses of its own network namespace.
    package let network: String
    package let permissive: Bool
    package let state: State
    /// Why it waits.
    package let reason: String?
    /// What it holds of the node's connections; nil while it waits.
    package let connections: Connections?

    package struct Connections: Codable, Sendable {
        /// Captured connections that are open now.
        package let open: Int
        /// As many as it could have now; nil before its first.
        package let share: Int?
        /// Refused because it had its share: by the daemon (`share_exhausted`) or in the kernel (`table_full`).
        package let refused: UInt64
        /// In the kernel's tables: connections that the daemon has not taken yet, and direct ones; nil where they are not counted.
        package let pending: Int?

        package init(open: Int, share: Int?, refused: UInt64, pending: Int? = nil) {
            self.open = open
            self.share = share
            self.refused = refused
            self.pending = pending
        }
    }

    package init(
        service: String, namespace: String, spiffe: String, cgroup: String, cgroupInode: UInt64?, network: String, permissive: Bool,
        state: State, reason: String?, connections: Connections? = nil
    ) {
        self.connections = connections
        self.service = service
        self.namespace = namespace
        self.spiffe = spiffe
        self.cgroup = cgroup
        self.cgroupInode = cgroupInode
        self.network = network
        self.permissive = permissive
        self.state = state
        self.reason = reason
    }
}

/// A service's certificate on this node: the daemon's own for its tunnels, or one that a workload holds.
package struct CertificateView: Codable, Sendable {
    package let service: String
    package let namespace: String
    package let spiffe: String
    /// `pending`, `valid`, `failing` (serves, renewal fails) or `expired`.
    package let state: String
    package let serial: String?
    package let notBefore: String?
    package let notAfter: String?
    package let nextRenewal: String?
    package let lastError: String?
    /// The cgroup of the workload that fetched it from the Workload API; nil for the daemon's own.
    package let workload: String?

    package init(
        service: String, namespace: String, spiffe: String, state: String, serial: String?, notBefore: String?, notAfter: String?,
        nextRenewal: String?, lastError: String?, workload: String? = nil
    ) {
        self.workload = workload
        self.service = service
        self.namespace = namespace
        self.spiffe = spiffe
        self.state = state
        self.serial = serial
        self.notBefore = notBefore
        self.notAfter = notAfter
        self.nextRenewal = nextRenewal
        self.lastError = lastError
    }
}

/// One result of `myelinctl check`.
package struct CheckView: Codable, Sendable, Equatable {
    package enum Outcome: String, Codable, Sendable { case ok, warning, error }

    package let name: String
    package let outcome: Outcome
    package let message: String
    /// What to do; empty when all is well.
    package let remedy: String

    package init(_ name: String, _ outcome: Outcome, _ message: String, remedy: String = "") {
        self.name = name
        self.outcome = outcome
        self.message = message
        self.remedy = remedy
    }
}

/// The configuration in force.
package struct ConfigView: Codable, Sendable {
    /// As YAML that the daemon would read.
    package let text: String

    package init(text: String) { self.text = text }
}
