internal import CLinux
internal import Glibc
package import MeshTypes

/// The TCP and UDP sockets of the calling thread's namespace, by inet_diag (`sock_diag(7)`).
package struct SocketInventory: ~Copyable {
    private let socket: NetlinkSocket

    package init() throws(SystemError) { socket = try NetlinkSocket(protocol: NETLINK_SOCK_DIAG) }

    /// One socket.
    package struct Entry: Sendable {
        package let local: SocketAddress
        package let remote: SocketAddress
        /// As in `/proc/<pid>/fd`: `socket:[inode]`; 0 when no process has it any more.
        package let inode: UInt32
        /// The cgroup that made it; 0 when the kernel does not say.
        package let cgroup: UInt64
        /// An IPv6 listener that takes IPv4 connections too.
        package let isDualStack: Bool
        fileprivate let family: UInt8
        fileprivate let transport: UInt8
        fileprivate let id: inet_diag_sockid
    }

    package enum Transports: Sendable { case stream, all }

    /// Those with a peer: listeners and unconnected UDP sockets are left out.
    package borrowing func connected(_ transports: Transports = .all) throws(SystemError) -> [Entry] {
        var found: [Entry] = []
        for transport in transports == .stream ? [UInt8(IPPROTO_TCP)] : [UInt8(IPPROTO_TCP), UInt8(IPPROTO_UDP)] {
            for family in [UInt8(AF_INET), UInt8(AF_INET6)] {
                let message = Self.message(type: UInt16(SOCK_DIAG_BY_FAMILY), family: family, transport: transport)
                try socket.dump(message) { payload in
                    if let entry = Self.entry(payload, transport), entry.remote.port != 0 { found.append(entry) }
                }
            }
        }
        return found
    }

    /// The TCP sockets that accept connections.
    package borrowing func listening() throws(SystemError) -> [Entry] {
        var found: [Entry] = []
        for family in [UInt8(AF_INET), UInt8(AF_INET6)] {
            let message = Self.message(
                type: UInt16(SOCK_DIAG_BY_FAMILY), family: family, transport: UInt8(IPPROTO_TCP), states: Self.listeningState)
            try socket.dump(message) { payload in
                if let entry = Self.entry(payload, UInt8(IPPROTO_TCP)) { found.append(entry) }
            }
        }
        return found
    }

    /// Ends a socket: its owner reads ECONNABORTED, a TCP peer gets a reset. Returns false when it was gone already.
    package borrowing func destroy(_ entry: Entry) throws(SystemError) -> Bool {
        let message = Self.message(
            type: UInt16(SOCK_DESTROY), family: entry.family, transport: entry.transport, id: entry.id)
        do {
            try socket.request(message, tolerating: [])
            return true
        } catch {
            if error.code == ENOENT { return false }
            throw error
        }
    }

    private static func message(
        type: UInt16, family: UInt8, transport: UInt8, states: UInt32 = connectedStates, id: inet_diag_sockid = inet_diag_sockid()
    ) -> NetlinkMessage {
        var message = NetlinkMessage(type: type, flags: 0)
        var request = inet_diag_req_v2()
        request.sdiag_family = family
        request.sdiag_protocol = transport
        request.idiag_states = states
        request.id = id
        message.append(request)
        return message
    }

    // Of include/net/tcp_states.h: ESTABLISHED 1 … CLOSING 11; without TIME_WAIT 6, CLOSE 7, LISTEN 10.
    private static let connectedStates: UInt32 = 0b1011_0011_1110
    private static let listeningState: UInt32 = 1 << 10
    private static let cgroupAttribute: UInt16 = 21  // INET_DIAG_CGROUP_ID
    private static let v6OnlyAttribute: UInt16 = 11  // INET_DIAG_SKV6ONLY

    private static func entry(_ payload: UnsafeRawBufferPointer, _ transport: UInt8) -> Entry? {
        let size = MemoryLayout<inet_diag_msg>.size
        guard payload.count >= size else { return nil }
        let message = payload.loadUnaligned(as: inet_diag_msg.self)
        let local = address(message.id.idiag_src, message.id.idiag_sport, message.idiag_family)
        let remote = address(message.id.idiag_dst, message.id.idiag_dport, message.idiag_family)
        let attributes = UnsafeRawBufferPointer(rebasing: payload[size...])
        let isV6Only = attribute(v6OnlyAttribute, in: attributes, as: UInt8.self).map { $0 != 0 } ?? true
        return Entry(
            local: local, remote: remote, inode: message.idiag_inode,
            cgroup: attribute(cgroupAttribute, in: attributes, as: UInt64.self) ?? 0,
            isDualStack: message.idiag_family == UInt8(AF_INET6) && !isV6Only, family: message.idiag_family, transport: transport,
            id: message.id)
    }

    private static func attribute<Value: BitwiseCopyable>(
        _ wanted: UInt16, in attributes: UnsafeRawBufferPointer, as: Value.Type
    ) -> Value? {
        var offset = 0
        while offset + 4 <= attributes.count {
            let length = Int(attributes.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
            guard length >= 4, offset + length <= attributes.count else { return nil }
            if attributes.loadUnaligned(fromByteOffset: offset + 2, as: UInt16.self) == wanted, length >= 4 + MemoryLayout<Value>.size {
                return attributes.loadUnaligned(fromByteOffset: offset + 4, as: Value.self)
            }
            offset += (length + 3) & ~3
        }
        return nil
    }

    private static func address<Words>(_ words: Words, _ port: UInt16, _ family: UInt8) -> SocketAddress {
        let ip = withUnsafeBytes(of: words) { bytes in
            family == UInt8(AF_INET)
                ? IPAddress(v4: UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self))) : IPAddress(bytes: bytes)
        }
        return SocketAddress(ip: ip, port: UInt16(bigEndian: port))
    }
}

/// The inodes of the sockets that a process has open; empty when the process is gone.
package func socketInodes(ofProcess pid: Int32) -> Set<UInt32> {
    let directory = "/proc/\(pid)/fd"
    guard let stream = opendir(directory) else { return [] }
    defer { closedir(stream) }
    var inodes: Set<UInt32> = []
    var target = [UInt8](repeating: 0, count: 64)
    while let entry = readdir(stream) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
            tuple.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        let capacity = target.count
        let length = target.withUnsafeMutableBytes { bytes in
            readlink(directory + "/" + name, bytes.bindMemory(to: CChar.self).baseAddress!, capacity)
        }
        guard length > 0 else { continue }
        let text = String(decoding: target[..<length], as: UTF8.self)
        if text.hasPrefix("socket:["), let inode = UInt32(text.dropFirst(8).dropLast()) { inodes.insert(inode) }
    }
    return inodes
}
