internal import CMyelinABI
internal import Glibc
internal import MeshSystem
internal import MeshTypes

/// What the programs must know of a namespace: its cookie, and the addresses that captured sockets are bound to.
struct NamespaceSurvey {
    let cookie: UInt64
    let inode: UInt64
    private let v4: IPAddress?
    private let v6: IPAddress?

    init(of namespace: borrowing NetworkNamespace) throws(KernelError) {
        do throws(SystemError) {
            inode = try namespace.identity().inode
            var failure: KernelError?
            let found = try namespace.enter { () throws(SystemError) in
                do throws(KernelError) {
                    return (try NamespaceCookie.current(), Self.addresses())
                } catch {
                    failure = error
                    return (0, (nil, nil))
                }
            }
            if let failure { throw SystemError(failure.operation, code: failure.code) }
            cookie = found.0
            (v4, v6) = found.1
        } catch {
            throw KernelError("enter the namespace: \(error.call)", code: error.code)
        }
    }

    var raw: myelin_namespace {
        var raw = myelin_namespace()
        raw.cookie = cookie
        if let v4 {
            raw.flags |= UInt32(MYELIN_NAMESPACE_HAS_V4)
            withUnsafeMutableBytes(of: &raw.v4) { to in withUnsafeBytes(of: v4.bytes) { to.copyMemory(from: $0) } }
        }
        if let v6 {
            raw.flags |= UInt32(MYELIN_NAMESPACE_HAS_V6)
            withUnsafeMutableBytes(of: &raw.v6) { to in withUnsafeBytes(of: v6.bytes) { to.copyMemory(from: $0) } }
        }
        return raw
    }

    /// The first global address of each family in the calling thread's namespace.
    private static func addresses() -> (v4: IPAddress?, v6: IPAddress?) {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return (nil, nil) }
        defer { freeifaddrs(list) }
        var v4: IPAddress?
        var v6: IPAddress?
        var next = list
        while let entry = next?.pointee {
            next = entry.ifa_next
            guard let address = entry.ifa_addr else { continue }
            let raw = UnsafeRawPointer(address)
            switch Int32(address.pointee.sa_family) {
            case AF_INET:
                let ip = IPAddress(v4: UInt32(bigEndian: raw.loadUnaligned(as: sockaddr_in.self).sin_addr.s_addr))
                if v4 == nil, !ip.isLoopback { v4 = ip }
            case AF_INET6:
                let ip = withUnsafeBytes(of: raw.loadUnaligned(as: sockaddr_in6.self).sin6_addr) { IPAddress(bytes: $0) }
                if v6 == nil, !ip.isLoopback, ip.high >> 54 != 0xfe80 >> 6 { v6 = ip }
            default: break
            }
        }
        return (v4, v6)
    }
}
