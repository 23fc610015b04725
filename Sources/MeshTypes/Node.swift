/// A machine of the mesh that runs `myelind`.
package struct Node: Hashable, Sendable {
    package let locality: Locality
    /// Where its daemon accepts HBONE, normally port 15008.
    package let tunnel: SocketAddress

    package init(locality: Locality, tunnel: SocketAddress) {
        self.locality = locality
        self.tunnel = tunnel
    }

    package var name: String { locality.node }
}

/// One address at which a service answers.
package struct Endpoint: Hashable, Sendable {
    package let address: SocketAddress
    package let locality: Locality
    package let version: String
    /// Its share of the traffic, against those at the same distance.
    package let weight: Int
    /// Where its HBONE peer listens: the node's daemon, or the endpoint itself for peers that are not Myelin.
    package let tunnel: SocketAddress

    package init(address: SocketAddress, locality: Locality, version: String = "", weight: Int = 1, tunnel: SocketAddress) {
        self.address = address
        self.locality = locality
        self.version = version
        self.weight = weight
        self.tunnel = tunnel
    }
}

/// A process group of this node with an identity: a pod or a systemd service.
package struct Workload: Hashable, Sendable {
    package let service: ServiceIdentity
    /// Path of its cgroup below the cgroup v2 mount, with a leading slash.
    package let cgroup: String
    /// Path of its network namespace, or nil for whichever its processes are in.
    package let networkNamespace: String?
    /// True when it shares the node's network namespace.
    package let sharesNodeNamespace: Bool

    package init(service: ServiceIdentity, cgroup: String, networkNamespace: String?, sharesNodeNamespace: Bool) {
        self.service = service
        self.cgroup = cgroup
        self.networkNamespace = networkNamespace
        self.sharesNodeNamespace = sharesNodeNamespace
    }
}
