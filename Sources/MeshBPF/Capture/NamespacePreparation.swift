internal import CMyelinABI
internal import Glibc
package import MeshSystem
internal import MeshTypes

extension Capture {
    /// Makes ready what capture needs of the network inside a namespace, as often as one likes: loopback up; the IPv6 addresses of DNS
    /// slots local; sockets that the daemon marks with `mark` may use the client's address (policy routing to `lo`, accepted sockets inherit
    /// the mark, and so do answers that no socket gives: a port where nobody listens refuses at once, or its reset would leave by the
    /// default route and the daemon wait in vain). Namespaces without IPv6 are left without it.
    package static func prepareNamespace(_ namespace: borrowing NetworkNamespace) throws(KernelError) {
        do throws(SystemError) {
            try namespace.enter { () throws(SystemError) in
                let routes = try RouteSocket()
                try routes.raiseLoopback()
                try? writeText("1", to: "/proc/sys/net/ipv4/tcp_fwmark_accept")
                try? writeText("1", to: "/proc/sys/net/ipv4/fwmark_reflect")
                try routes.addLocalRoute(to: .v4Any, prefix: 0, table: UInt32(MYELIN_MARK_TABLE))
                try routes.addRule(mark: UInt32(MYELIN_MARK), table: UInt32(MYELIN_MARK_TABLE), v6: false)
                guard access("/proc/sys/net/ipv6/conf/lo/disable_ipv6", F_OK) == 0 else { return }
                guard try readText("/proc/sys/net/ipv6/conf/lo/disable_ipv6").hasPrefix("0") else { return }
                try? writeText("1", to: "/proc/sys/net/ipv6/fwmark_reflect")
                let slots = IPAddress(high: UInt64(MYELIN_SLOT_PREFIX_HIGH), low: 0)
                try routes.addLocalRoute(to: slots, prefix: 96, table: RouteSocket.localTable)
                try routes.addLocalRoute(to: .v6Any, prefix: 0, table: UInt32(MYELIN_MARK_TABLE))
                try routes.addRule(mark: UInt32(MYELIN_MARK), table: UInt32(MYELIN_MARK_TABLE), v6: true)
                try addLoopbackReplies(routes)
            }
        } catch {
            throw KernelError("prepare the namespace: \(error.call) \(error.subject)", code: error.code)
        }
    }

    /// `::1` as a local address of each device.
    ///
    /// A caller keeps its own address when it is redirected to `::1`. What the kernel answers there without a socket (for one in
    /// TIME_WAIT, or a reset) it routes by the device that has the caller's address, where `::1` is unknown: the answer left by the
    /// default route, and the daemon's end stayed in LAST_ACK and in the way of the next connection from that port.
    private static func addLoopbackReplies(_ routes: borrowing RouteSocket) throws(SystemError) {
        for device in try InterfaceAddresses.indicesWithIPv6() {
            // A metric of its own for each: two routes of one metric exclude each other. All of them come after that of `lo`.
            try routes.addLocalRoute(
                to: .v6Loopback, prefix: 128, table: RouteSocket.localTable, device: device, metric: replyMetric &+ device)
        }
    }

    private static let replyMetric: UInt32 = 2048

    /// The mark of the daemon's source-preserving sockets (SO_MARK, with IP_TRANSPARENT and a bind to the client's address).
    package static let mark = UInt32(MYELIN_MARK)
}
