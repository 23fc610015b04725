package import MeshBPF
package import MeshSnapshot
package import MeshTypes

/// Which pairs of services, and which endpoints, the kernel lets be connected without the daemon. Pure.
package struct DirectPermits: Equatable {
    private let pairs: Set<VerdictKey>
    private let endpoints: [ServiceID: Set<SocketAddress>]

    package init(_ tables: KernelTables) {
        pairs = Set(tables.verdicts.lazy.filter { $0.value == .direct }.map(\.key))
        endpoints = tables.localEndpoints.mapValues { Set($0) }
    }

    /// Nothing of it was taken away: no connection that began under it can have lost its permit.
    package func isContained(in later: DirectPermits) -> Bool {
        pairs.isSubset(of: later.pairs)
            && endpoints.allSatisfy { service, addresses in addresses.isSubset(of: later.endpoints[service] ?? []) }
    }

    /// Why the connection may not go on; `none` if it may, also when the next one would go through the daemon.
    package static func refusal(of flow: DirectFlow, in snapshot: Snapshot) -> DenialReason {
        let decision = snapshot.decide(source: flow.sourceService, destination: flow.destinationService)
        guard decision.permitted else { return decision.reason }
        // Nobody looks into it.
        if let operations = decision.operations { return operations.allowed == nil ? .denied : .notAllowed }
        // An instance that leaves finishes its work, but another service's never was meant.
        guard let delivery = snapshot.delivery(flow.endpoint), delivery.service != flow.destinationService else { return .none }
        return .notAnEndpoint
    }
}
