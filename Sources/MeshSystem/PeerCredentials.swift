internal import Glibc

/// Who is at the other end of a Unix socket, as the kernel noted when it connected (unix(7)).
package struct PeerCredentials: Sendable, Equatable {
    package let user: UInt32
    package let group: UInt32
    /// Supplementary ones, as far as there are at most `maximumGroups`.
    package let groups: [UInt32]
    package let process: Int32

    // Of asm-generic/socket.h.
    private static let credentialsOption: Int32 = 17  // SO_PEERCRED
    private static let groupsOption: Int32 = 59  // SO_PEERGROUPS
    private static let maximumGroups = 1024

    package init(user: UInt32, group: UInt32, groups: [UInt32], process: Int32) {
        self.user = user
        self.group = group
        self.groups = groups
        self.process = process
    }

    /// - Parameter socket: a connected Unix socket. - Returns: nil for anything else.
    package init?(socket: Int32) {
        // struct ucred: pid, uid, gid.
        var credentials: (Int32, UInt32, UInt32) = (0, 0, 0)
        var size = socklen_t(MemoryLayout.size(ofValue: credentials))
        guard getsockopt(socket, SOL_SOCKET, Self.credentialsOption, &credentials, &size) == 0, credentials.0 != 0 else { return nil }
        process = credentials.0
        user = credentials.1
        group = credentials.2
        var groups = [UInt32](repeating: 0, count: Self.maximumGroups)
        size = socklen_t(groups.count * MemoryLayout<UInt32>.size)
        let code = getsockopt(socket, SOL_SOCKET, Self.groupsOption, &groups, &size)
        self.groups = code == 0 ? Array(groups.prefix(Int(size) / MemoryLayout<UInt32>.size)) : []
    }

    package func isMember(of group: UInt32) -> Bool { self.group == group || groups.contains(group) }
}

/// The number of a group of the system, by its name; nil if there is none.
package func groupNumber(named name: String) -> UInt32? {
    var group = Glibc.group()
    var result: UnsafeMutablePointer<Glibc.group>?
    var buffer = [CChar](repeating: 0, count: 65536)
    guard getgrnam_r(name, &group, &buffer, buffer.count, &result) == 0, result != nil else { return nil }
    return group.gr_gid
}
