internal import MeshAdmin
internal import MeshConfig
internal import MeshRegistry
internal import MeshTypes

/// What permitted users change over the status socket.
extension NodeAdmin {
    func change(_ change: AdminChange) async -> AdminOutcome {
        do throws(RegistrationFailure) {
            return .done(try await perform(change))
        } catch { return Self.outcome(of: error) }
    }

    private func perform(_ change: AdminChange) async throws(RegistrationFailure) -> String {
        let embedded = registry.embedded
        switch change {
        case .register(let id, let view):
            let registration = try registration(id, view)
            try await embedded.register(registration)
            return "\(id) is registered: \(registration.service) at \(registration.address)"
        case .heartbeat(let id):
            try await embedded.heartbeat(id)
            return "\(id) lives"
        case .drain(let id, let isDraining):
            try await embedded.drain(id, isDraining)
            return isDraining ? "\(id) takes no new calls" : "\(id) takes calls again"
        case .deregister(let id):
            try await embedded.deregister(id)
            return "\(id) is forgotten"
        case .accept(let text):
            guard let name = SourceName(text), await registry.store.accept(name) else {
                throw RegistrationFailure(
                    .unknown, "no source \"\(SourceName(text).map { "\($0)" } ?? "?")\" is held", advice: "see `myelinctl registry`")
            }
            return "\(name) is right to have lost its records"
        case .drainNode(let isDraining):
            try await registry.drain(isDraining)
            return isDraining ? "the endpoints of this node take no new calls" : "the endpoints of this node take calls again"
        }
    }

    private static func outcome(of failure: RegistrationFailure) -> AdminOutcome {
        let complaint = AdminComplaint(error: failure.what, remedy: failure.advice)
        return switch failure.code {
        case .invalid: .refused(.invalid, complaint)
        case .conflict: .refused(.conflict, complaint)
        case .unknown: .refused(.unknown, complaint)
        case .full, .notKept: .refused(.unavailable, complaint)
        }
    }

    private func registration(_ id: String, _ view: RegistrationView) throws(RegistrationFailure) -> Registration {
        func invalid(_ what: String, _ advice: String) -> RegistrationFailure { RegistrationFailure(.invalid, what, advice: advice) }
        guard let name = ServiceName(view.service) else { throw invalid("the service has no proper name", "use a-z, 0-9 and -") }
        let namespace = view.namespace ?? configuration.namespace
        guard DNSLabel.isValid(namespace.utf8) else { throw invalid("that is no namespace", "use a-z, 0-9 and -") }
        guard view.port > 0, view.servicePort != 0 else { throw invalid("port 0 is none", "name one from 1 to 65535") }
        let ip = view.address.map { IPAddress($0) } ?? configuration.node.address
        guard let ip, !ip.isLoopback, ip != .v4Any, ip != .v6Any else {
            throw invalid("the address cannot be reached from elsewhere", "name the pod's or the node's, or leave it out for the node's")
        }
        guard let applicationProtocol = view.protocol.map({ ApplicationProtocol(rawValue: $0) }) ?? .auto else {
            throw invalid("there is no such protocol", "use one of \(ApplicationProtocol.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        guard Registration.weights.contains(view.weight ?? 1) else { throw invalid("that is no weight", "use 1 to 10000") }
        let timeToLive = view.ttl.map { Duration($0) }
        if let timeToLive, !(timeToLive.map(Registration.timesToLive.contains) ?? false) {
            throw invalid("the ttl is no time from 1s to 24h", "write it as 30s or 5m")
        }
        for text in [view.team, view.version].compactMap(\.self)
        where text.utf8.count > 255 || text.utf8.contains(where: { $0 < 32 || $0 == 127 }) {
            throw invalid("team or version is no plain text", "use at most 255 bytes without control characters")
        }
        let identity = ServiceIdentity(namespace: namespace, name: name)
        return Registration(
            id: id, service: identity, address: SocketAddress(ip: ip, port: view.port), servicePort: view.servicePort ?? view.port,
            applicationProtocol: applicationProtocol, team: view.team ?? "", version: view.version ?? "", weight: view.weight ?? 1,
            workload: try workload(view, identity, isNode: ip == configuration.node.address), timeToLive: timeToLive ?? nil)
    }

    private func workload(
        _ view: RegistrationView, _ identity: ServiceIdentity, isNode: Bool
    ) throws(RegistrationFailure) -> Workload? {
        guard let cgroup = view.cgroup else { return nil }
        let host = view.netns.map { $0 == "host" } ?? isNode
        for path in [cgroup, host ? nil : view.netns].compactMap(\.self)
        where !path.hasPrefix("/") || path.utf8.count > 4096 || path.split(separator: "/").contains("..") {
            throw RegistrationFailure(.invalid, "cgroup or netns is no path", advice: "write an absolute path without `..`")
        }
        return Workload(service: identity, cgroup: cgroup, networkNamespace: host ? nil : view.netns, sharesNodeNamespace: host)
    }
}
