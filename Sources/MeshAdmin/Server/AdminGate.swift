internal import Glibc
internal import Hummingbird
internal import MeshSystem
internal import NIOCore
internal import NIOPosix

/// Who may change something through the status socket: root, the daemon's own user, and the members of one group.
struct AdminGate: Sendable {
    /// nil for none.
    let group: UInt32?

    /// Why `peer` may not; nil if it may.
    func objection(to peer: PeerCredentials?) -> AdminComplaint? {
        guard let peer else {
            return AdminComplaint(error: "the kernel does not say who you are", remedy: "use the status socket itself, without a proxy")
        }
        if peer.user == 0 || peer.user == geteuid() { return nil }
        if let group, peer.isMember(of: group) { return nil }
        return AdminComplaint(
            error: "user \(peer.user) may look, and change nothing",
            remedy: group == nil
                ? "run as root, or name a group that may change things in `admin.group` of node.yaml"
                : "run as root, or as a member of the group in `admin.group` of node.yaml (log in again after joining it)")
    }
}

/// A request on the status socket, and whose it is.
struct PeerRequest: RequestContext {
    var coreContext: CoreRequestContextStorage
    private let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }

    /// nil when the kernel does not tell.
    func peer() async -> PeerCredentials? {
        try? await channel.eventLoop.submit { [channel] in
            try channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { PeerCredentials(socket: $0) }
        }.get() ?? nil
    }
}
