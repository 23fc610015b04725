internal import CLinux
internal import Glibc
package import MeshTypes

/// The few requests of rtnetlink (RFC 3549) that the mesh makes in a namespace. All of them may be repeated.
package struct RouteSocket: ~Copyable {
    private let socket: NetlinkSocket

    /// Of the calling thread's namespace.
    package init() throws(SystemError) { socket = try NetlinkSocket(protocol: NETLINK_ROUTE) }

    package static let localTable: UInt32 = 255  // RT_TABLE_LOCAL
    private static let loopback: Int32 = 1

    /// Sets `lo` up.
    package borrowing func raiseLoopback() throws(SystemError) {
        var message = NetlinkMessage(type: UInt16(RTM_NEWLINK), flags: 0)
        var link = ifinfomsg()
        link.ifi_index = Self.loopback
        link.ifi_flags = UInt32(IFF_UP)
        link.ifi_change = UInt32(IFF_UP)
        message.append(link)
        try socket.request(message, tolerating: [])
    }

    /// `ip route add local <prefix> dev lo table <table>`
    ///
    /// - Parameters:
    ///   - device: the index of another device than `lo` for the route to belong to.
    ///   - metric: the kernel's choice if nil; smaller ones go first.
    package borrowing func addLocalRoute(
        to ip: IPAddress, prefix: UInt8, table: UInt32, device: UInt32 = 1, metric: UInt32? = nil
    ) throws(SystemError) {
        var message = NetlinkMessage(type: UInt16(RTM_NEWROUTE), flags: UInt16(NLM_F_CREATE | NLM_F_EXCL))
        var route = rtmsg()
        route.rtm_family = UInt8(ip.isV4 ? AF_INET : AF_INET6)
        route.rtm_dst_len = prefix
        route.rtm_table = UInt8(truncatingIfNeeded: table)
        route.rtm_protocol = UInt8(RTPROT_STATIC)
        route.rtm_scope = UInt8(ip.isV4 ? RT_SCOPE_HOST.rawValue : RT_SCOPE_UNIVERSE.rawValue)
        route.rtm_type = UInt8(RTN_LOCAL)
        message.append(route)
        if prefix > 0, ip.isV4 { message.append(attribute: UInt16(RTA_DST.rawValue), ip.v4.bigEndian) }
        if prefix > 0, !ip.isV4 { message.append(attribute: UInt16(RTA_DST.rawValue), ip.bytes) }
        message.append(attribute: UInt16(RTA_OIF.rawValue), device)
        message.append(attribute: UInt16(RTA_TABLE.rawValue), table)
        if let metric { message.append(attribute: UInt16(RTA_PRIORITY.rawValue), metric) }
        try socket.request(message, tolerating: [EEXIST])
    }

    /// `ip rule add fwmark <mark> lookup <table>`
    package borrowing func addRule(mark: UInt32, table: UInt32, v6: Bool) throws(SystemError) {
        var message = NetlinkMessage(type: UInt16(RTM_NEWRULE), flags: UInt16(NLM_F_CREATE | NLM_F_EXCL))
        var rule = fib_rule_hdr()
        rule.family = UInt8(v6 ? AF_INET6 : AF_INET)
        rule.table = UInt8(truncatingIfNeeded: table)
        rule.action = UInt8(FR_ACT_TO_TBL)
        message.append(rule)
        message.append(attribute: UInt16(FRA_FWMARK), mark)
        message.append(attribute: UInt16(FRA_TABLE), table)
        message.append(attribute: UInt16(FRA_PRIORITY), Self.rulePriority)
        try socket.request(message, tolerating: [EEXIST])
    }

    /// A fixed priority makes the rule's second addition fail with EEXIST instead of doubling it.
    private static let rulePriority: UInt32 = 1337
}
