internal import CLinux
internal import Glibc
package import MeshTypes

/// The addresses of the calling thread's network namespace.
package enum InterfaceAddresses {
    /// IPv4 and IPv6 addresses of all interfaces, loopback's and link-local ones left out.
    package static func all() throws(SystemError) -> Set<IPAddress> {
        var list: UnsafeMutablePointer<ifaddrs>?
        try checked("getifaddrs") { getifaddrs(&list) }
        defer { freeifaddrs(list) }
        var addresses: Set<IPAddress> = []
        var next = list
        while let entry = next {
            next = entry.pointee.ifa_next
            guard let raw = entry.pointee.ifa_addr, let address = address(raw) else { continue }
            if !address.isLoopback, !isLinkLocal(address) { addresses.insert(address) }
        }
        return addresses
    }

    /// Indices of the interfaces that have an IPv6 address, loopback left out.
    package static func indicesWithIPv6() throws(SystemError) -> Set<UInt32> {
        var list: UnsafeMutablePointer<ifaddrs>?
        try checked("getifaddrs") { getifaddrs(&list) }
        defer { freeifaddrs(list) }
        var indices: Set<UInt32> = []
        var next = list
        while let entry = next {
            next = entry.pointee.ifa_next
            guard let raw = entry.pointee.ifa_addr, Int32(raw.pointee.sa_family) == AF_INET6 else { continue }
            guard entry.pointee.ifa_flags & UInt32(IFF_LOOPBACK) == 0 else { continue }
            indices.insert(if_nametoindex(entry.pointee.ifa_name))
        }
        return indices.subtracting([0])
    }

    private static func address(_ raw: UnsafeMutablePointer<sockaddr>) -> IPAddress? {
        switch Int32(raw.pointee.sa_family) {
        case AF_INET:
            raw.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                IPAddress(v4: UInt32(bigEndian: $0.pointee.sin_addr.s_addr))
            }
        case AF_INET6:
            raw.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
                withUnsafeBytes(of: $0.pointee.sin6_addr) { IPAddress(bytes: $0) }
            }
        default: nil
        }
    }

    private static func isLinkLocal(_ address: IPAddress) -> Bool {
        address.isV4 ? address.v4 >> 16 == 0xa9fe : address.high >> 54 == 0xfe80 >> 6
    }
}
