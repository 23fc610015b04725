internal import Glibc
internal import MeshConfig
internal import MeshSystem
internal import MeshTypes

/// Finds out how far one process group is.
struct InstanceProbe {
    /// Cgroups of one instance, itself included, whose sockets count as its own.
    private static let maximumGroups = 64

    let root: String
    let node: IPAddress
    let rules: [DiscoveryRule]

    func look(_ found: GroupSearch.Found, _ namespaces: inout NamespaceListeners) -> DiscoveredInstance {
        let rule = rules[found.rule]
        let name = rule.service.filled(found.variables)
        let version = rule.version?.filled(found.variables) ?? ""
        guard let service = ServiceName(name) else {
            return DiscoveredInstance(
                service: nil, cgroup: found.path, stage: .invalid, addresses: [], reason: "\"\(name)\" is no name of a service",
                workload: nil,
                version: version, rule: rule)
        }
        let identity = ServiceIdentity(namespace: rule.namespace, name: service)
        func instance(
            _ stage: DiscoveredInstance.Stage, _ workload: Workload?, _ addresses: [SocketAddress] = [], _ reason: String? = nil
        )
            -> DiscoveredInstance
        {
            DiscoveredInstance(
                service: identity, cgroup: found.path, stage: stage, addresses: addresses, reason: reason, workload: workload,
                version: version, rule: rule)
        }
        do throws(SystemError) {
            guard let path = try namespacePath(rule, found) else { return instance(.empty, nil, [], "it has no process yet") }
            let namespace = try NetworkNamespace(path: path)
            let isShown = !rule.sharesNodeNamespace && rule.networkNamespace == nil
            // Its addresses would be whatever it gave itself.
            if isShown, try !NamespaceOrigin.isNodes(namespace) {
                return instance(
                    .invalid, nil, [],
                    "its process may have made its network namespace itself (a user namespace of its own owns it): let the rule name it by `netns:`"
                )
            }
            let (view, isHome) = try namespaces.view(of: namespace)
            let workload = Workload(
                service: identity, cgroup: found.path, networkNamespace: isHome ? nil : rule.networkNamespace?.filled(found.variables),
                sharesNodeNamespace: isHome)
            guard let text = rule.port?.filled(found.variables) else { return instance(.caller, workload) }
            guard let port = UInt16(text), port > 0 else { return instance(.invalid, workload, [], "\"\(text)\" is no port") }
            let addresses = try addresses(port, found, view, isHome: isHome)
            if !addresses.isEmpty { return instance(.listening, workload, addresses) }
            return instance(.starting, workload, [], reason(port, view, isHome: isHome))
        } catch { return instance(.empty, nil, [], "\(error)") }
    }

    /// nil while it has no process that could tell.
    private func namespacePath(_ rule: DiscoveryRule, _ found: GroupSearch.Found) throws(SystemError) -> String? {
        if rule.sharesNodeNamespace { return "/proc/thread-self/ns/net" }
        if let path = rule.networkNamespace { return path.filled(found.variables) }
        return groups(found.path).lazy.compactMap { processes($0).first }.first.map { "/proc/\($0)/ns/net" }
    }

    /// At most one of each family: those that its own processes listen on.
    private func addresses(
        _ port: UInt16, _ found: GroupSearch.Found, _ view: NamespaceListeners.View, isHome: Bool
    ) throws(SystemError) -> [SocketAddress] {
        let candidates = (isHome ? [node] : view.addresses).map { SocketAddress(ip: $0, port: port) }
        let serving = view.listeners.filter { listener in candidates.contains { listener.serves($0) } }
        guard !serving.isEmpty else { return [] }
        let own = own(serving, found)
        let usable = candidates.filter { candidate in own.contains { $0.serves(candidate) } }
        return [usable.first { $0.ip.isV4 }, usable.first { !$0.ip.isV4 }].compactMap(\.self)
    }

    /// A socket is its maker's by its cgroup; one that was handed over (socket activation) is known by who has it open.
    private func own(_ listeners: [SocketInventory.Entry], _ found: GroupSearch.Found) -> [SocketInventory.Entry] {
        let groups = groups(found.path)
        let ids = Set(groups.compactMap { try? ControlGroup.id(ofDirectory: root + $0) })
        let made = listeners.filter { ids.contains($0.cgroup) }
        if !made.isEmpty { return made }
        let inodes = groups.reduce(into: Set<UInt32>()) { inodes, group in
            for process in processes(group) { inodes.formUnion(socketInodes(ofProcess: process)) }
        }
        return listeners.filter { inodes.contains($0.inode) }
    }

    private func reason(_ port: UInt16, _ view: NamespaceListeners.View, isHome: Bool) -> String {
        let there = view.listeners.filter { $0.local.port == port }
        guard let first = there.first else { return "nobody listens on port \(port) yet" }
        return first.local.ip.isLoopback
            ? "it listens on \(first.local) only: let it listen on \(isHome ? "\(node)" : "its own address"), or on all"
            : "another process listens on \(first.local)"
    }

    private func processes(_ group: String) -> [Int32] { (try? ControlGroup.processes(inDirectory: root + group)) ?? [] }

    /// Itself and what it made below, a level at a time.
    private func groups(_ path: String) -> [String] {
        var groups = [path]
        var next = 0
        while next < groups.count, groups.count < Self.maximumGroups {
            groups += ControlGroup.children(ofDirectory: root + groups[next]).map { groups[next] + "/" + $0 }
            next += 1
        }
        return Array(groups.prefix(Self.maximumGroups))
    }
}
