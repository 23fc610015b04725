internal import CBPF
internal import CMyelinABI
internal import Glibc
package import MeshSystem
package import MeshTypes

/// The filter on the host's end of pods' devices, in the calling thread's namespace, which is the node's.
enum VethFilter {
    static func attach(to devices: [UInt32], _ options: CaptureOptions, _ pins: PinLayout) throws(KernelError) {
        let object = try ObjectFile(opening: options.objectDirectory + "/veth.bpf.o")
        try object.pinMaps(in: pins.maps)
        try object.load()
        for (direction, name) in ["from_pod", "to_pod"].enumerated() {
            let program = try object.program(name)
            for device in devices {
                try loading("attach \(name) to device \(device)") { cbpf_tc_attach(Int32(device), Int32(direction), program) }
            }
        }
    }

    /// A device that is gone took its filter with it.
    static func detach(from device: DeviceIndex) {
        cbpf_log_start()
        for direction: Int32 in 0...1 { _ = cbpf_tc_detach(Int32(bitPattern: device.raw), direction) }
        _ = takeLog()
    }

    /// Of whatever daemon wrote these pins.
    static func removeAll(_ pins: PinLayout) {
        let map = bpf_obj_get(pins.maps + "/veths")
        guard map >= 0 else { return }
        defer { close(map) }
        for device in KernelMap<DeviceIndex, FilteredVeth>(name: "veths", descriptor: map).keys() { detach(from: device) }
    }
}

extension Capture {
    /// Filters what leaves a pod by its devices, so that packets which no socket of the mesh sent end there. May be repeated: only new
    /// devices cost something. Called in the node's namespace.
    /// - Returns: the names of devices that lead past the filter: they are no veth whose other end is in the node's namespace.
    package func filterDevices(of namespace: borrowing NetworkNamespace, index: NamespaceIndex) throws(KernelError) -> [String] {
        let inside: [LinkDevice]
        let outside: [LinkDevice]
        do throws(SystemError) {
            inside = try namespace.enter { () throws(SystemError) in try LinkDevice.all() }
            outside = try LinkDevice.all()
        } catch { throw KernelError("list devices: \(error.call)", code: error.code) }
        var unfiltered: [String] = []
        var ends: [UInt32] = []
        for device in inside where !Self.isIdle(device) {
            let end = outside.first { $0.kind == "veth" && device.kind == "veth" && $0.index == device.peer && $0.peer == device.index }
            if let end { ends.append(end.index) } else { unfiltered.append(device.name) }
        }
        let known = filtered.withLock { $0 }
        let new = ends.filter { known[DeviceIndex(raw: $0)] != index }
        if !new.isEmpty {
            // The entry first: without it the filter passes everything.
            for end in new { try maps.veths.set(DeviceIndex(raw: end), FilteredVeth(index)) }
            try VethFilter.attach(to: new, options, pins)
            filtered.withLock { table in for end in new { table[DeviceIndex(raw: end)] = index } }
        }
        return unfiltered
    }

    /// Devices that lead nowhere but back into the pod, or into another device of it that is filtered: tunnels that the kernel makes in
    /// every namespace when their module is loaded, bridges, TUN devices.
    private static func isIdle(_ device: LinkDevice) -> Bool {
        ["sit", "ip6tnl", "ipip", "gre", "gretap", "erspan", "ip6gre", "vti", "vti6", "tun", "dummy", "bridge", "ifb"].contains(device.kind)
    }

    /// Ends the filter of a namespace's devices.
    func unfilter(_ index: NamespaceIndex) {
        for (device, veth) in maps.veths.entries() where veth.namespace == index {
            VethFilter.detach(from: device)
            _ = try? maps.veths.remove(device)
            filtered.withLock { _ = $0.removeValue(forKey: device) }
        }
        for (cookie, number) in maps.pods.entries() where number.raw == index.rawValue { _ = try? maps.pods.remove(cookie) }
    }
}
