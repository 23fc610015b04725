internal import MeshBalancing
internal import MeshRuntime
internal import MeshSnapshot
internal import MeshTypes

/// Which endpoints are checked, and what is made of what their checks say.
extension HealthProber {
    /// Takes over what a newer snapshot says; what is known of endpoints that stay is kept.
    func adopt(_ snapshot: Snapshot) {
        var wanted: Set<SocketAddress> = []
        var local: Set<SocketAddress> = []
        for service in snapshot.allServices {
            for endpoint in service.endpoints {
                guard let delivery = snapshot.delivery(endpoint.address), delivery.service == service.id else { continue }
                local.insert(endpoint.address)
                guard let rules = service.traffic.health else { continue }
                wanted.insert(endpoint.address)
                watch(endpoint.address, delivery, rules)
            }
        }
        for (address, endpoint) in endpoints where !wanted.contains(address) { forget(address, endpoint) }
        delivered = local
    }

    private func watch(_ address: SocketAddress, _ delivery: Snapshot.Delivery, _ rules: HealthRules) {
        if let known = endpoints[address], known.published.service != delivery.service { forget(address, known) }
        let isNew = endpoints[address] == nil
        var endpoint =
            endpoints[address]
            ?? CheckedEndpoint(
                delivery: delivery,
                published: EndpointHealth(
                    service: delivery.service, address: address, readiness: .unknown, since: MonotonicClock.wall()))
        endpoint.delivery = delivery
        // It appeared while the node watched: it has to show that it is well. Others have carried traffic before they were checked.
        let isAwaited = isNew && delivered.map { !$0.contains(address) } == true
        for kind in HealthCheckKind.allCases { follow(&endpoint, address, kind, rules[kind], isAwaited: isAwaited && kind == .readiness) }
        endpoints[address] = endpoint
        settle(address)
    }

    /// Makes the watch of one kind what the rules say.
    private func follow(
        _ endpoint: inout CheckedEndpoint, _ address: SocketAddress, _ kind: HealthCheckKind, _ check: HealthCheck?, isAwaited: Bool
    ) {
        if let handle = endpoint.watches[kind], let watch = watches.find(handle)?.pointee {
            if let check {
                watch.check = check
            } else {
                drop(handle)
                endpoint.watches[kind] = nil
            }
        } else if let check {
            let health = CheckedHealth(check, isAwaited: isAwaited, now: now, using: &random)
            let watch = HealthWatch(address, kind, check, health)
            guard let (handle, _) = watches.insert(watch) else {
                shared.health.count(HealthTally(service: endpoint.delivery.service, kind: kind, result: .skipped))
                return
            }
            endpoint.watches[kind] = handle
            schedule(handle, watch, at: health.due)
        }
    }

    private func drop(_ handle: SlabHandle) {
        close(handle)
        watches.remove(handle)
    }

    private func forget(_ address: SocketAddress, _ endpoint: CheckedEndpoint) {
        for handle in endpoint.watches.values { drop(handle) }
        endpoints[address] = nil
        shared.health.remove(address)
        shared.loads[endpoint.published.service].learn(.unknown, of: address, until: 0, now: now)
        announce(endpoint.published.service)
    }

    // MARK: What is made of it

    /// A probe has ended.
    ///
    /// - Parameter verdict: that of its check, if it changed.
    func settle(_ watch: HealthWatch, _ verdict: CheckedHealth.Verdict?, _ failure: String?) {
        guard var endpoint = endpoints[watch.endpoint] else { return }
        let service = endpoint.published.service
        shared.health.count(HealthTally(service: service, kind: watch.kind, result: failure == nil ? .passed : .failed))
        if let failure, failure != endpoint.published.failure {
            endpoint.published.failure = failure
            endpoints[watch.endpoint] = endpoint
            shared.health.set(endpoint.published)
        }
        guard let verdict else { return }
        settle(watch.endpoint)
        report(
            HealthEvent(
                service: service, endpoint: watch.endpoint, kind: watch.kind, isPassing: verdict == .passing, failure: failure))
    }

    /// Tells everyone what the checks of an endpoint come to, if that is something new.
    private func settle(_ address: SocketAddress) {
        guard var endpoint = endpoints[address] else { return }
        func verdict(_ kind: HealthCheckKind) -> CheckedHealth.Verdict? {
            endpoint.watches[kind].flatMap { watches.find($0)?.pointee.health.verdict }
        }
        let readiness = Readiness(readiness: verdict(.readiness), liveness: verdict(.liveness))
        let isHanging = verdict(.liveness).map { $0 == .failing }
        let changes = readiness != endpoint.published.readiness
        if changes {
            endpoint.published.since = MonotonicClock.wall()
            if readiness == .ready { endpoint.published.failure = nil }
        }
        endpoint.published.readiness = readiness
        endpoint.published.isHanging = isHanging
        endpoints[address] = endpoint
        shared.health.set(endpoint.published)
        guard changes else { return }
        shared.loads[endpoint.published.service].learn(readiness, of: address, until: .max, now: now)
        announce(endpoint.published.service)
    }
}
