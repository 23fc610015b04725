internal import MeshConfig
internal import MeshDataPlane
internal import MeshTypes

extension NameServerOptions {
    /// As `dns:` and `aliases:` of `node.yaml` say.
    init(_ configuration: NodeConfiguration) {
        self.init()
        let dns = configuration.dns
        upstreams = dns.upstream
        names.isEnforced = dns.foreign == .refuse
        aliases = configuration.aliases
        view =
            switch dns.view {
            case .all: .all
            case .callable: .callable
            }
        virtualNetworks = [dns.virtualV4, dns.virtualV6].map { Network(address: $0.address, prefix: $0.prefix) }
        forwardsSingleLabels = dns.singleLabels == .forward
        trustsVerification = dns.trustAD
        timeout = UInt64(clamping: dns.timeout.nanoseconds)
        cache.capacity = dns.cacheMegabytes << 20
        cache.stale = UInt32(clamping: dns.stale.components.seconds)
    }
}
