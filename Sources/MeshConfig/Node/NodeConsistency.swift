internal import MeshTypes

/// What single values of `node.yaml` cannot show: how they fit each other.
struct NodeConsistency {
    /// The daemon's fixed ports in every namespace that it captures.
    private static let fixedPorts: [UInt16: String] = [15001: "the capture listener", 15053: "the resolver"]
    /// What a Unix socket's address holds, without the terminating NUL (unix(7)).
    private static let longestSocketPath = 107

    let configuration: NodeConfiguration
    let root: DocumentMapping

    func check() {
        checkAddresses()
        checkPorts()
        checkCgroups()
        AuthorityDocument.check(configuration, root)
        if configuration.spiffe.workloadSocket == configuration.statusSocket {
            root["spiffe"]?.report("the Workload API has the socket of the status", "name another one: everybody may open it")
        }
        let socket = configuration.statusSocket
        if socket.utf8.count > Self.longestSocketPath {
            root["run"]?.report(
                "makes the status socket's path \(socket.utf8.count) bytes long, where \(Self.longestSocketPath) is the most",
                "use a shorter one")
        }
    }

    private func checkAddresses() {
        let address = configuration.node.address
        if address == .v6Any || address == .v4Any || isMulticast(address) {
            root["node"]?.report("\(address) is no address of one machine", "name the address at which other nodes reach this one")
        }
        if isVirtual(address) {
            root["node"]?.report(
                "\(address) lies in a network of virtual addresses",
                "move `dns.virtual_v4` or `dns.virtual_v6`: no virtual address may be real")
        }
        for server in configuration.dns.upstream where isVirtual(server.ip) {
            root["dns"]?.report("the upstream \(server) lies in a network of virtual addresses", "no virtual address may be real")
        }
    }

    private func isMulticast(_ address: IPAddress) -> Bool { address.isV4 ? address.v4 >> 28 == 14 : address.high >> 56 == 0xff }

    private func isVirtual(_ address: IPAddress) -> Bool {
        configuration.dns.virtualV4.contains(address) || configuration.dns.virtualV6.contains(address)
    }

    private func checkPorts() {
        let tunnel = configuration.tunnel.port
        let metrics = configuration.metrics.port
        if let use = Self.fixedPorts[tunnel] { root["tunnel"]?.report("port \(tunnel) is \(use)'s", "use 15008") }
        if let use = Self.fixedPorts[metrics] { root["metrics"]?.report("port \(metrics) is \(use)'s", "use 15020") }
        if tunnel == metrics {
            // One of the two is written here, whichever default the other has.
            (root["metrics"] ?? root["tunnel"])?.report(
                "the tunnel and the metrics both have port \(tunnel)", "use 15008 for the tunnel and 15020 for metrics")
        }
    }

    /// Processes in the daemon's cgroup are not captured: workloads below it would be free of the mesh.
    private func checkCgroups() {
        guard let own = configuration.capture.daemonCgroup?.split(separator: "/") else { return }
        let captured = configuration.capture.cgroup.split(separator: "/")
        if captured.starts(with: own) {
            root["capture"]?.report("daemon_cgroup holds all that `cgroup` captures", "give the daemon a cgroup of its own")
        }
    }
}
