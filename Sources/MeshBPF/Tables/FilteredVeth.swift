internal import CMyelinABI
internal import MeshTypes

/// The index of a device in the node's namespace.
struct DeviceIndex: KernelLayout {
    let raw: UInt32
    init(raw: UInt32) { self.raw = raw }
}

/// The namespace of the pod at the other end of a device.
struct FilteredVeth: KernelLayout {
    let namespace: NamespaceIndex

    init(_ namespace: NamespaceIndex) { self.namespace = namespace }

    var raw: myelin_veth { myelin_veth(netns: namespace.rawValue) }
    init(raw: myelin_veth) { namespace = NamespaceIndex(rawValue: raw.netns) }
}

/// The number of a namespace as a map's value.
struct NamespaceNumber: KernelLayout {
    let raw: UInt32
    init(raw: UInt32) { self.raw = raw }
}
