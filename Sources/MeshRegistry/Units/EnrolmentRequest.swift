package import MeshTypes

/// What an operator wants to be a service of the mesh.
package struct EnrolmentRequest: Sendable {
    package let unit: UnitName
    package let service: ServiceIdentity
    /// Of the service's endpoint on this node; nil when the registry has the service already.
    package let port: UInt16?
    package var protocolName: String?
    /// Where it is reached; nil for the node's own address.
    package var address: IPAddress?
    /// Puts it into meshed.slice.
    package var movesToSlice = false
    /// Has the unit wait at its start until it is captured.
    package var waits = true
    /// Capabilities that it keeps although they help out of the mesh: `NET_ADMIN`.
    package var keptCapabilities: Set<String> = []
    /// It manages cgroups: those stay writable for it.
    package var writesCgroups = false

    package init(unit: UnitName, service: ServiceIdentity, port: UInt16?) {
        self.unit = unit
        self.service = service
        self.port = port
    }
}

/// This node and what its registry says, as far as enrolling concerns it.
package struct EnrolmentPlace: Sendable {
    package let node: String
    package let address: IPAddress
    package let zone: String
    package let region: String
    package let tunnelPort: UInt16
    package let registry: String
    package let unitDirectory: String
    package let knowsNode: Bool
    /// The service has a record in another file.
    package let knowsService: Bool
    /// That record has an endpoint on this node.
    package let hasEndpoint: Bool
    package let hasPolicy: Bool
    /// Where this node announces its endpoints; nil if nowhere.
    package var store: String?
    /// Its certificates come from the authority of another node.
    package var asksAuthority = false

    package init(
        node: String, address: IPAddress, zone: String, region: String, tunnelPort: UInt16, registry: String, unitDirectory: String,
        knowsNode: Bool, knowsService: Bool, hasEndpoint: Bool, hasPolicy: Bool
    ) {
        self.node = node
        self.address = address
        self.zone = zone
        self.region = region
        self.tunnelPort = tunnelPort
        self.registry = registry
        self.unitDirectory = unitDirectory
        self.knowsNode = knowsNode
        self.knowsService = knowsService
        self.hasEndpoint = hasEndpoint
        self.hasPolicy = hasPolicy
    }
}
