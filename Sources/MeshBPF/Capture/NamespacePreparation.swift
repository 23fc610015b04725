internal import CMyelinABI
internal import Glibc
package import MeshSystem
internal import MeshTypes

extension Capture {
    /// Makes ready what capture needs of the network inside a namespace, as often as one likes: loopback up; the IPv6 addresses of DNS
    /// slots local; sockets that the daemon marks with `mark` may use the client's address (policy routing to `lo`, and accepted
    /// sockets inherit the mark). Namespaces without IPv6 are left without it.
    package static func prepareNamespace(_ namespace: borrowing NetworkNamespace) throws(KernelError) {
        do throws(SystemError) {
            try namespace.enter { () throws(SystemError) in
                let routes = try RouteSocket()
                try routes.raiseLoopback()
                try? writeText("1", to: "/proc/sys/net/ipv4/tcp_fwmark_accept")
                try routes.addLocalRoute(to: .v4Any, prefix: 0, table: UInt32(MYELIN_MARK_TABLE))
                try routes.addRule(mark: UInt32(MYELIN_MARK), table: UInt32(MYELIN_MARK_TABLE), v6: false)
                guard access("/proc/sys/net/ipv6/conf/lo/disable_ipv6", F_OK) == 0 else { return }
                guard try readText("/proc/sys/net/ipv6/conf/lo/disable_ipv6").hasPrefix("0") else { return }
                let slots = IPAddress(high: UInt64(MYELIN_SLOT_PREFIX_HIGH), low: 0)
                try routes.addLocalRoute(to: slots, prefix: 96, table: RouteSocket.localTable)
                try routes.addLocalRoute(to: .v6Any, prefix: 0, table: UInt32(MYELIN_MARK_TABLE))
                try routes.addRule(mark: UInt32(MYELIN_MARK), table: UInt32(MYELIN_MARK_TABLE), v6: true)
            }
        } catch {
            throw KernelError("prepare the namespace: \(error.call) \(error.subject)", code: error.code)
        }
    }

    /// The mark of the daemon's source-preserving sockets (SO_MARK, with IP_TRANSPARENT and a bind to the client's address).
    package static let mark = UInt32(MYELIN_MARK)
}
