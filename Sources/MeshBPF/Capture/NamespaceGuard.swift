internal import CBPF
internal import CMyelinABI
internal import Glibc
package import MeshSystem
package import MeshTypes

/// What a guard protects.
package enum GuardKind: Sendable, Hashable {
    /// A namespace of its own: everything that does not come over its loopback.
    case pod(workload: WorkloadID, service: ServiceID)
    /// The node's namespace: only the ports of `reconcile(nodePorts:)`.
    case node
}

/// A namespace with a guard.
struct GuardedNamespace: Sendable {
    let cookie: UInt64
    let pin: String
}

extension Capture {
    /// Guards what comes into a namespace, and names it for capture: connections that did not come through the mesh are reset (strict)
    /// or passed and counted (permissive). Calling it again with the same index changes `kind` and `permissive` in place.
    package func `guard`(
        namespace: borrowing NetworkNamespace, index: NamespaceIndex, kind: GuardKind, permissive: Bool = false
    ) throws(KernelError) {
        guard index.rawValue < UInt32(MYELIN_MAX_NAMESPACES) else { throw KernelError("guard namespace", code: ENOSPC) }
        let surveyed = try NamespaceSurvey(of: namespace)
        try writeNamespace(index, surveyed, kind, permissive)
        try closeDoors(surveyed.cookie, index)
        let pin = "\(pins.guards)/\(surveyed.cookie)"
        if guards.withLock({ $0[index]?.cookie }) == surveyed.cookie { return }
        let object = try ObjectFile(opening: options.objectDirectory + "/guard.bpf.o")
        try object.setConstants(
            myelin_guard_constants(netns: surveyed.cookie, index: index.rawValue, node: kind == .node ? 1 : 0))
        try object.pinMaps(in: pins.maps)
        try object.load()
        let target = PinnedLink.Target.namespace(descriptor: namespace.descriptor.raw, inode: surveyed.inode)
        _ = try PinnedLink.install(program: try object.program("inbound"), at: target, pin: pin)
        guards.withLock { $0[index] = GuardedNamespace(cookie: surveyed.cookie, pin: pin) }
    }

    /// Ends the guard of a namespace: what comes in is no longer checked. Its listeners leave the map.
    package func unguard(_ index: NamespaceIndex) {
        guard let guarded = guards.withLock({ $0.removeValue(forKey: index) }) else { return }
        unlink(guarded.pin)
        forget(index)
    }

    /// Frees the index of a namespace.
    package func forget(_ index: NamespaceIndex) {
        for (cookie, entered) in namespaces() where entered == index {
            var cookie = cookie
            bpf_map_delete_elem(maps.guarded, &cookie)
        }
        unfilter(index)
        var free = myelin_namespace()
        var key = index.rawValue
        bpf_map_update_elem(maps.namespaces, &key, &free, 0)
        for family: UInt32 in 0...1 {
            var slot = 2 * index.rawValue + family
            bpf_map_delete_elem(maps.listeners, &slot)
            bpf_map_delete_elem(maps.resolvers, &slot)
        }
    }

    /// The namespaces that are entered, by cookie: those of a daemon before this one until they are forgotten. Connections that wait for this
    /// daemon were captured under these indices.
    package func namespaces() -> [UInt64: NamespaceIndex] {
        var found: [UInt64: NamespaceIndex] = [:]
        for index in 0..<UInt32(MYELIN_MAX_NAMESPACES) {
            var key = index
            var raw = myelin_namespace()
            guard bpf_map_lookup_elem(maps.namespaces, &key, &raw) == 0, raw.cookie != 0 else { continue }
            found[raw.cookie] = NamespaceIndex(rawValue: index)
        }
        return found
    }

    /// A supervisor keeps it for the next daemon.
    package var livenessDescriptor: Int32 { liveness.descriptor.raw }

    /// Removes guards that a daemon before this one left for namespaces which this one has not guarded again.
    /// Returns how many. Until then they stay in force.
    @discardableResult
    package func sweepGuards() -> Int {
        let kept = guards.withLock { Set($0.values.map(\.pin)) }
        let stale = PinLayout.names(in: pins.guards).map { pins.guards + "/" + $0 }.filter { !kept.contains($0) }
        for pin in stale { unlink(pin) }
        return stale.count
    }

    /// From now on nobody but the daemon takes its ports there.
    private func closeDoors(_ cookie: UInt64, _ index: NamespaceIndex) throws(KernelError) {
        var cookie = cookie
        var value = index.rawValue
        let result = bpf_map_update_elem(maps.guarded, &cookie, &value, 0)
        if result != 0 { throw KernelError("write map guarded", code: -result) }
    }

    /// Enters the resolver's sockets of a namespace; -1 for none. Queries reach them and nobody else's.
    package func setResolvers(namespace index: NamespaceIndex, v4: Int32, v6: Int32) throws(KernelError) {
        for (family, resolver) in [v4, v6].enumerated() where resolver >= 0 {
            try enter(resolver, at: 2 * index.rawValue + UInt32(family), of: maps.resolvers)
        }
    }

    /// Enters the listeners of a namespace; -1 for none. From the first call on the programs take the daemon for serving.
    package func setListeners(namespace index: NamespaceIndex, v4: Int32, v6: Int32) throws(KernelError) {
        for (family, listener) in [v4, v6].enumerated() where listener >= 0 {
            try enter(listener, at: 2 * index.rawValue + UInt32(family), of: maps.listeners)
        }
        try enter(liveness.descriptor.raw, at: UInt32(MYELIN_LIVENESS), of: maps.listeners)
    }

    private func enter(_ socket: Int32, at index: UInt32, of map: Int32) throws(KernelError) {
        var key = index
        var value = UInt64(socket)
        let result = bpf_map_update_elem(map, &key, &value, 0)
        if result != 0 { throw KernelError("enter a socket", code: -result) }
    }

    private func writeNamespace(
        _ index: NamespaceIndex, _ surveyed: NamespaceSurvey, _ kind: GuardKind, _ permissive: Bool
    ) throws(KernelError) {
        var raw = surveyed.raw
        if case .pod(let workload, let service) = kind {
            raw.workload = workload.rawValue
            raw.service = service.rawValue
        }
        if permissive { raw.flags |= UInt32(MYELIN_NAMESPACE_PERMISSIVE) }
        var key = index.rawValue
        let result = bpf_map_update_elem(maps.namespaces, &key, &raw, 0)
        if result != 0 { throw KernelError("write map namespaces", code: -result) }
        if case .pod = kind { try maps.pods.set(surveyed.cookie, NamespaceNumber(raw: index.rawValue)) }
    }
}
