internal import CMyelinABI
internal import MeshTypes

/// The endpoints of a service on this node that may be reached directly; at most `maximum` are kept.
struct LocalEndpoints: KernelLayout {
    static let maximum = Int(MYELIN_MAX_LOCAL_ENDPOINTS)
    let addresses: [SocketAddress]

    init(_ addresses: [SocketAddress]) { self.addresses = Array(addresses.prefix(Self.maximum)) }

    var raw: myelin_local_endpoints {
        var raw = myelin_local_endpoints()
        raw.count = UInt32(addresses.count)
        withUnsafeMutableBytes(of: &raw.endpoint) { target in
            let slots = target.bindMemory(to: myelin_address.self)
            for (index, address) in addresses.enumerated() { slots[index] = address.raw }
        }
        return raw
    }

    init(raw: myelin_local_endpoints) {
        addresses = withUnsafeBytes(of: raw.endpoint) { bytes in
            bytes.bindMemory(to: myelin_address.self).prefix(Int(raw.count)).map(SocketAddress.init(raw:))
        }
    }
}
