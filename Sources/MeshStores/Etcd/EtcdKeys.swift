internal import MeshTypes

/// Where records lie, so that etcd's roles can let each node write below its own name only:
///
///     <prefix>nodes/<node>                                         a node
///     <prefix>services/<namespace>/<service>                       what an operator says of a service
///     <prefix>instances/<node>/<namespace>/<service>/<address>     what a node says of one of its endpoints
struct EtcdKeys: Sendable {
    let prefix: String

    enum Place: Hashable {
        case node(String)
        case service(ServiceIdentity)
        case instance(InstancePlace)
    }

    var all: [UInt8] { Array(prefix.utf8) }

    func node(_ name: String) -> String { prefix + "nodes/" + name }
    func instances(of node: String) -> String { prefix + "instances/" + node + "/" }

    func key(of place: InstancePlace) -> String { prefix + place.description }

    /// nil for a key that is none of a record.
    func place(of key: String) -> Place? {
        guard key.hasPrefix(prefix) else { return nil }
        let parts = key.dropFirst(prefix.count).split(separator: "/", omittingEmptySubsequences: false)
        guard !parts.contains(where: \.isEmpty) else { return nil }
        switch (parts.first, parts.count) {
        case ("nodes", 2): return .node(String(parts[1]))
        case ("services", 3): return Self.service(parts[1], parts[2]).map(Place.service)
        case ("instances", 5):
            return Self.service(parts[2], parts[3]).map {
                .instance(InstancePlace(node: String(parts[1]), service: $0, address: String(parts[4])))
            }
        default: return nil
        }
    }

    private static func service(_ namespace: Substring, _ name: Substring) -> ServiceIdentity? {
        guard DNSLabel.isValid(namespace.utf8), DNSLabel.isValid(name.utf8), let name = ServiceName(name) else { return nil }
        return ServiceIdentity(namespace: String(namespace), name: name)
    }
}
