internal import MeshSystem
internal import MeshTypes

/// Who listens where in the network namespaces that one look touches; each is asked once.
struct NamespaceListeners {
    struct View {
        let listeners: [SocketInventory.Entry]
        /// Without loopback and link-local ones, in order.
        let addresses: [IPAddress]
    }

    /// Of the daemon.
    let home: NetworkNamespace.Identity
    private var views: [NetworkNamespace.Identity: View] = [:]

    init() throws(SystemError) {
        let namespace = try NetworkNamespace.current()
        home = try namespace.identity()
    }

    mutating func view(of namespace: borrowing NetworkNamespace) throws(SystemError) -> (view: View, isHome: Bool) {
        let identity = try namespace.identity()
        if let known = views[identity] { return (known, identity == home) }
        let view = try namespace.enter { () throws(SystemError) in
            let inventory = try SocketInventory()
            let addresses = try InterfaceAddresses.all().filter { !$0.isLoopback && !$0.isLinkLocal }
            return View(
                listeners: try inventory.listening(),
                addresses: addresses.sorted { ($0.isV4 ? 0 : 1, $0.high, $0.low) < ($1.isV4 ? 0 : 1, $1.high, $1.low) })
        }
        views[identity] = view
        return (view, identity == home)
    }
}

extension SocketInventory.Entry {
    /// Takes connections to `address`.
    func serves(_ address: SocketAddress) -> Bool {
        guard local.port == address.port else { return false }
        if local.ip == address.ip { return true }
        return address.ip.isV4 ? local.ip == .v4Any || (local.ip == .v6Any && isDualStack) : local.ip == .v6Any
    }
}
