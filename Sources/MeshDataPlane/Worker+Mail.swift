internal import Glibc
internal import MeshRuntime
internal import MeshSnapshot
internal import MeshSystem
internal import MeshTypes

/// What other threads ask of the worker.
extension Worker {
    func readMail() {
        for message in mailbox.take() {
            switch message {
            case .adopt(let snapshot): adopt(snapshot)
            case .capture(let listener): if snapshot == nil { early.append(message) } else { addListener(listener) }
            case .release(let namespace): removeListeners(of: namespace)
            case .serveTunnel(let listener): if snapshot == nil { early.append(message) } else { serveTunnels(listener) }
            case .admitted(let handle, let service, let number): admitted(handle, service, number)
            case .turnedAway(let handle, let number, let reason): turnedAway(handle, number, reason)
            case .leased(let handle, let number, let outcome): leased(handle, number, outcome)
            case .healthChanged(let service): announceHealth(of: service)
            case .listConnections(let answer): answer(listConnections())
            case .leave: leave()
            case .countActivity(let since, let answer): answer(activity(since: since))
            case .drain:
                drainAll()
                closeIdleCallers()
            case .stop: isStopping = true
            }
        }
    }

    /// Connections may wait already at listeners that outlived a daemon: they are accepted when the first snapshot can judge them.
    private func adopt(_ snapshot: Snapshot) {
        let before = self.snapshot?.revoked
        self.snapshot = snapshot
        decisions.removeAll(keepingCapacity: true)
        holders.removeAll(keepingCapacity: true)
        counters.generation = snapshot.generation
        generation.store(snapshot.generation, ordering: .relaxed)
        for case .capture(let listener) in early { addListener(listener) }
        for case .serveTunnel(let listener) in early { serveTunnels(listener) }
        early = []
        endRevoked(by: snapshot.revoked, before: before)
        beginReview()
    }

    private func serveTunnels(_ listener: FileDescriptorBox) {
        let slot = SlabHandle(rawValue: UInt64(tunnelListeners.count))
        tunnelListeners.append(listener)
        try? poller.add(listener.raw, .readable, token: TokenTag.tunnelListener.token(slot))
    }

    private func removeListeners(of namespace: NamespaceIndex) {
        early.removeAll { if case .capture(let listener) = $0 { listener.namespace == namespace } else { false } }
        for (slot, listener) in listeners where listener.namespace == namespace {
            try? poller.remove(listener.socket.raw)
            listeners[slot] = nil
        }
        namespaces[namespace] = nil
    }

    private func listConnections() -> [LiveConnection] {
        var all: [LiveConnection] = []
        flows.forEach { _, flow in
            // Connections that requests are sent on are shown by the requests.
            guard flow.pointee.upstream == .none, !flow.pointee.ends else { return }
            let stage =
                switch flow.pointee.stage {
                case .connecting: "connecting"
                case .relaying: "relaying"
                case .resetting: "resetting"
                }
            all.append(
                LiveConnection(
                    worker: index, record: flow.pointee.record, stage: stage,
                    age: .nanoseconds(Int64(now &- flow.pointee.started))))
        }
        callers.forEach { _, caller in
            guard !caller.pointee.isCopy else { return }
            let isAsking = caller.pointee.stage == .exchange
            all.append(
                LiveConnection(
                    worker: index, record: isAsking ? caller.pointee.exchange.record : newRecord(caller.pointee.origin),
                    stage: isAsking ? "requesting" : "idle",
                    age: .nanoseconds(isAsking ? Int64(now &- caller.pointee.exchange.started) : 0)))
        }
        return all
    }

    private func drainAll() {
        isDraining = true
        isLeaving = true
        early = []
        for listener in listeners.values { try? poller.remove(listener.socket.raw) }
        listeners = [:]
        for listener in tunnelListeners { try? poller.remove(listener.raw) }
        tunnelListeners = []
        drainSessions()
        var open: [Tunnel] = []
        tunnels.forEach { _, tunnel in open.append(tunnel.pointee) }
        for tunnel in open { drain(tunnel) }
    }

    /// The end of the thread: everything it carries is reset.
    func closeEverything() {
        drainAll()
        endSessions()
        var asking: [SlabHandle] = []
        callers.forEach { handle, _ in asking.append(handle) }
        for handle in asking {
            if let caller = callers.find(handle) { abandonCaller(handle, caller) }
        }
        var handles: [SlabHandle] = []
        flows.forEach { handle, _ in handles.append(handle) }
        for handle in handles {
            guard let flow = flows.find(handle) else { continue }
            if flow.pointee.upstream != .none {
                closeUpstream(handle, flow)
                continue
            }
            flow.pointee.near.abort()
            flow.pointee.far.abort()
            finish(handle, flow, .reset, .draining)
        }
        var open: [Tunnel] = []
        tunnels.forEach { _, tunnel in open.append(tunnel.pointee) }
        for tunnel in open { fail(tunnel, .draining) }
        namespaces = [:]
    }

    func publishCounters() {
        counters.tunnels = UInt64(tunnels.count - places.arrivals.count)
        counters.arrivals = UInt64(places.arrivals.count)
        let now = counters
        published.withLock { $0 = now }
    }
}
