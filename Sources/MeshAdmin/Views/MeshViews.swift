/// A service of the mesh.
package struct ServiceView: Codable, Sendable {
    package let service: String
    package let namespace: String
    package let port: UInt16
    package let applicationProtocol: String
    package let virtualAddresses: [String]
    package let endpoints: Int
    /// Endpoints on this node.
    package let localEndpoints: Int
    /// `closed`, `open` or `half-open`.
    package let breaker: String

    package init(
        service: String, namespace: String, port: UInt16, applicationProtocol: String, virtualAddresses: [String], endpoints: Int,
        localEndpoints: Int, breaker: String
    ) {
        self.service = service
        self.namespace = namespace
        self.port = port
        self.applicationProtocol = applicationProtocol
        self.virtualAddresses = virtualAddresses
        self.endpoints = endpoints
        self.localEndpoints = localEndpoints
        self.breaker = breaker
    }
}

/// One address of a service.
package struct EndpointView: Codable, Sendable {
    package let service: String
    package let namespace: String
    package let address: String
    package let node: String
    package let zone: String
    package let version: String
    /// `node`, `zone`, `region` or `elsewhere`, as seen from this node.
    package let distance: String
    /// Where its tunnel leads to.
    package let tunnel: String
    /// Flows that this node carries to it now.
    package let flows: Int
    package let weight: Int
    /// Of its circuit breaker, as this node sees it: `closed`, `open` or `half-open`.
    package let state: String
    /// Requests and connections that this node has it serve now.
    package let outstanding: Int
    /// Of its answers, the slow ones weighing more; 0 before the first.
    package let latencyMilliseconds: Double
    package let health: HealthView

    package init(
        service: String, namespace: String, address: String, node: String, zone: String, version: String, distance: String, tunnel: String,
        flows: Int, weight: Int, state: String, outstanding: Int, latencyMilliseconds: Double, health: HealthView
    ) {
        self.health = health
        self.service = service
        self.namespace = namespace
        self.address = address
        self.node = node
        self.zone = zone
        self.version = version
        self.distance = distance
        self.tunnel = tunnel
        self.flows = flows
        self.weight = weight
        self.state = state
        self.outstanding = outstanding
        self.latencyMilliseconds = latencyMilliseconds
    }
}

/// A policy file as it is in force.
package struct PolicyView: Codable, Sendable {
    package let service: String
    package let allow: [String]
    package let deny: [String]
    package let mtls: String
    package let file: String
    /// Keys that are read but not applied to traffic yet.
    package let notEnforced: [String]

    package init(service: String, allow: [String], deny: [String], mtls: String, file: String, notEnforced: [String]) {
        self.service = service
        self.allow = allow
        self.deny = deny
        self.mtls = mtls
        self.file = file
        self.notEnforced = notEnforced
    }
}

/// Why a call is permitted or refused.
package struct ExplainView: Codable, Sendable {
    package let source: String
    package let destination: String
    package let permitted: Bool
    /// A code of `DenialReason`.
    package let reason: String
    /// `file:line:column` of the rule; nil when none matched.
    package let rule: String?
    /// In words.
    package let text: String

    package init(source: String, destination: String, permitted: Bool, reason: String, rule: String?, text: String) {
        self.source = source
        self.destination = destination
        self.permitted = permitted
        self.reason = reason
        self.rule = rule
        self.text = text
    }
}

/// A flow that is carried now. Direct flows of one node are the kernel's and are not among them.
package struct ConnectionView: Codable, Sendable {
    /// `source` or `destination`: which end this node is.
    package let reporter: String
    package let source: String
    package let sourceAddress: String
    package let destination: String
    package let destinationAddress: String
    package let endpoint: String
    package let path: String
    package let stage: String
    package let identityVerified: Bool
    package let bytesSent: UInt64
    package let bytesReceived: UInt64
    package let ageSeconds: Double
    package let worker: Int

    package init(
        reporter: String, source: String, sourceAddress: String, destination: String, destinationAddress: String, endpoint: String,
        path: String, stage: String, identityVerified: Bool, bytesSent: UInt64, bytesReceived: UInt64, ageSeconds: Double, worker: Int
    ) {
        self.reporter = reporter
        self.source = source
        self.sourceAddress = sourceAddress
        self.destination = destination
        self.destinationAddress = destinationAddress
        self.endpoint = endpoint
        self.path = path
        self.stage = stage
        self.identityVerified = identityVerified
        self.bytesSent = bytesSent
        self.bytesReceived = bytesReceived
        self.ageSeconds = ageSeconds
        self.worker = worker
    }
}
