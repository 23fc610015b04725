internal import Glibc
package import MeshSystem
internal import MeshTypes

/// Ends the connections that a workload had before it was enrolled: they bypass capture. Listening and unconnected sockets stay.
/// - Parameters:
///   - directory: absolute path of the workload's cgroup; sockets made in it or below it, or held by its processes, are ended.
///   - namespace: where to look.
///   - keepLoopback: leave connections over 127/8 and ::1 alone (a pod's own).
/// - Returns: how many were ended.
@discardableResult
package func destroySockets(
    ofCgroup directory: String, in namespace: borrowing NetworkNamespace, keepLoopback: Bool
) throws(KernelError) -> Int {
    do throws(SystemError) {
        let members = try CgroupMembers(below: directory)
        return try namespace.enter { () throws(SystemError) in
            let inventory = try SocketInventory()
            var ended = 0
            for socket in try inventory.connected() {
                if keepLoopback, socket.remote.ip.isLoopback { continue }
                guard members.cgroups.contains(socket.cgroup) || members.inodes.contains(socket.inode) else { continue }
                if try inventory.destroy(socket) { ended += 1 }
            }
            return ended
        }
    } catch {
        throw KernelError("end the sockets of \(directory): \(error.call) \(error.subject)", code: error.code)
    }
}

/// Ends both ends of direct connections, as far as they lie in this namespace. Each is destroyed by the cookie that it was found with: an address
/// alone could mean a listener by then.
/// - Returns: how many connections had an end here that was ended.
package func destroySockets(of flows: [DirectFlow], in namespace: borrowing NetworkNamespace) throws(KernelError) -> Int {
    let ends = Set(flows.map { SocketEnds(local: $0.source, remote: $0.endpoint) })
    do throws(SystemError) {
        return try namespace.enter { () throws(SystemError) in
            let inventory = try SocketInventory()
            var ended: Set<SocketEnds> = []
            for socket in try inventory.connected(.stream) {
                let own = SocketEnds(local: socket.local, remote: socket.remote)
                guard let flow = [own, own.reversed].first(where: ends.contains) else { continue }
                if try inventory.destroy(socket) { ended.insert(flow) }
            }
            return ended.count
        }
    } catch {
        throw KernelError("end direct connections: \(error.call) \(error.subject)", code: error.code)
    }
}

/// A connection as one of its sockets sees it.
private struct SocketEnds: Hashable {
    let local: SocketAddress
    let remote: SocketAddress

    var reversed: SocketEnds { SocketEnds(local: remote, remote: local) }
}

/// A cgroup with everything below it: the ids, and the sockets of its processes.
private struct CgroupMembers {
    private(set) var cgroups: Set<UInt64> = []
    private(set) var inodes: Set<UInt32> = []

    init(below directory: String) throws(SystemError) { try visit(directory, depth: 0) }

    private static let maximumDepth = 32

    private mutating func visit(_ directory: String, depth: Int) throws(SystemError) {
        guard depth < Self.maximumDepth else { return }
        cgroups.insert(try ControlGroup.id(ofDirectory: directory))
        for process in try ControlGroup.processes(inDirectory: directory) {
            inodes.formUnion(socketInodes(ofProcess: process))
        }
        for name in PinLayout.names(in: directory) {
            var status = stat()
            let child = directory + "/" + name
            if stat(child, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { try visit(child, depth: depth + 1) }
        }
    }
}
