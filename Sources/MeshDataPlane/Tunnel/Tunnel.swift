internal import MeshProtocols
internal import MeshRuntime
internal import MeshTLS
internal import MeshTypes

/// What a pooled tunnel is shared by: within one worker, one connection per source, destination and node.
struct TunnelKey: Hashable {
    let source: ServiceID
    let destination: ServiceID
    let peer: SocketAddress
}

/// One HBONE connection: TCP, TLS and HTTP/2.
final class Tunnel {
    enum Stage { case connecting, handshaking, open, closed }

    /// Flows that may wait for one tunnel to come up.
    static let maximumWaiting = 16384

    let worker: Worker
    let handle: SlabHandle
    let socket: Int32
    var tls: TLSSession
    let isClient: Bool
    /// nil for tunnels that peers opened.
    let key: TunnelKey?
    /// What the client end showed: a tunnel of an older certificate takes no new streams.
    let credential: TLSCredential?
    var session: HBONESession?
    var stage = Stage.connecting
    /// Nothing has come on it yet; of those that peers opened.
    var isSilent = false
    /// Among the worker's tunnels.
    var place = TunnelPlaces.Place.none
    var isReadable = false
    var isWritable = false
    /// In the worker's list of tunnels to flush.
    var isDirty = false
    /// Takes no new streams; closed with its last one.
    var isDraining = false
    /// Ciphertext that the socket did not take.
    var pending = ByteQueue()
    /// Flows whose stream waits until the tunnel is open, and has room for it. One that has left since is still here.
    var waiting: [SlabHandle] = []
    var streams = 0
    var feed = TunnelFeed()
    /// Bytes that slow readers have not taken.
    var backlog = 0
    /// Received bytes whose connection credit is withheld because of the backlog.
    var withheld = 0
    /// The verified peer, as a number of this node; set when TLS is up.
    var peer = ServiceID.none
    var local = ServiceID.none
    /// Set when TLS is up.
    var validity = TunnelValidity.unbounded
    /// The authorities that the peer's chain was last checked against.
    var trust: TrustBundle?
    /// Since when the registry has no endpoint behind it; 0 while it has.
    var orphanedSince: UInt64 = 0
    var lastHeard: UInt64
    var lastUsed: UInt64
    var pingSent: UInt64 = 0

    init(
        worker: Worker, handle: SlabHandle, socket: Int32, tls: consuming TLSSession, key: TunnelKey?, credential: TLSCredential?
    ) {
        self.worker = worker
        self.handle = handle
        self.socket = socket
        self.tls = tls
        self.key = key
        self.credential = credential
        isClient = key != nil
        lastHeard = worker.now
        lastUsed = worker.now
    }

    /// Takes another flow: at once, or when it is open and the peer has said how many streams it permits.
    var hasRoom: Bool {
        guard let session else { return true }
        return session.canOpen || !session.knowsPeerLimit
    }
}
