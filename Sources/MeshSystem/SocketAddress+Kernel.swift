package import Glibc
package import MeshTypes

/// The kernel's `sockaddr_in` / `sockaddr_in6` form of an address.
package struct KernelAddress {
    fileprivate var storage = sockaddr_storage()
    package private(set) var length: socklen_t = 0

    package init(_ address: SocketAddress) {
        if address.ip.isV4 {
            var v4 = sockaddr_in()
            v4.sin_family = sa_family_t(AF_INET)
            v4.sin_port = address.port.bigEndian
            v4.sin_addr.s_addr = address.ip.v4.bigEndian
            store(v4)
        } else {
            var v6 = sockaddr_in6()
            v6.sin6_family = sa_family_t(AF_INET6)
            v6.sin6_port = address.port.bigEndian
            withUnsafeMutableBytes(of: &v6.sin6_addr) { target in
                withUnsafeBytes(of: address.ip.bytes) { target.copyMemory(from: $0) }
            }
            store(v6)
        }
    }

    /// An empty address for the kernel to fill.
    package init() { length = socklen_t(MemoryLayout<sockaddr_storage>.size) }

    private mutating func store<Address>(_ address: Address) {
        length = socklen_t(MemoryLayout<Address>.size)
        withUnsafeMutableBytes(of: &storage) { target in
            withUnsafeBytes(of: address) { target.copyMemory(from: $0) }
        }
    }

    /// For calls that read the address.
    package func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafePointer(to: storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }

    /// For calls that fill it.
    package mutating func withMutablePointer<Result>(
        _ body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Result
    ) -> Result {
        withUnsafeMutablePointer(to: &storage) { pointer in
            withUnsafeMutablePointer(to: &length) { length in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
            }
        }
    }

    /// For calls that fill it and know its room.
    mutating func withStorage<Result>(_ body: (UnsafeMutablePointer<sockaddr_storage>) -> Result) -> Result {
        withUnsafeMutablePointer(to: &storage) { body($0) }
    }

    /// nil for families other than IPv4 and IPv6.
    package var address: SocketAddress? {
        withUnsafeBytes(of: storage) { bytes in
            switch Int32(storage.ss_family) {
            case AF_INET:
                let v4 = bytes.loadUnaligned(as: sockaddr_in.self)
                return SocketAddress(
                    ip: IPAddress(v4: UInt32(bigEndian: v4.sin_addr.s_addr)), port: UInt16(bigEndian: v4.sin_port))
            case AF_INET6:
                let v6 = bytes.loadUnaligned(as: sockaddr_in6.self)
                let ip = withUnsafeBytes(of: v6.sin6_addr) { IPAddress(bytes: $0) }
                return SocketAddress(ip: ip, port: UInt16(bigEndian: v6.sin6_port))
            default: return nil
            }
        }
    }
}
