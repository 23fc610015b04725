internal import CMyelinABI
package import MeshTypes

/// A value with a fixed layout in the kernel's maps (`bpf/abi/include/myelin_abi.h`).
protocol KernelLayout: Hashable, Sendable {
    associatedtype Raw
    var raw: Raw { get }
    init(raw: Raw)
}

extension SocketAddress: KernelLayout {
    var raw: myelin_address {
        var raw = myelin_address()
        withUnsafeMutableBytes(of: &raw.ip) { target in
            withUnsafeBytes(of: ip.bytes) { target.copyMemory(from: $0) }
        }
        raw.port = port
        return raw
    }

    init(raw: myelin_address) {
        let ip = withUnsafeBytes(of: raw.ip) { IPAddress(bytes: $0) }
        self.init(ip: ip, port: raw.port)
    }
}

extension ServiceID: KernelLayout {
    var raw: UInt32 { rawValue }
    init(raw: UInt32) { self.init(rawValue: raw) }
}

extension UInt64: KernelLayout {
    var raw: UInt64 { self }
    init(raw: UInt64) { self = raw }
}
