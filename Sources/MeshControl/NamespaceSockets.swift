internal import Glibc
internal import MeshBPF
internal import MeshDataPlane
internal import MeshSystem
internal import MeshTypes

/// What the daemon has inside a namespace: the listeners that captured connections are redirected to, and the resolver's sockets. Those that a
/// daemon before this one opened there are used on, with all that waits in them.
struct NamespaceSockets: ~Copyable {
    let addresses: Set<IPAddress>
    /// Raw descriptors of the capture listeners; -1 for none.
    let listener4: Int32
    let listener6: Int32
    private let tcp4: FileDescriptor
    private let tcp6: FileDescriptor?
    private let dns4: FileDescriptor
    private let dns6: FileDescriptor?

    /// IPv6 sockets are left out where the namespace has no IPv6 (`net.ipv6.conf.all.disable_ipv6`).
    /// - Parameter cookie: the namespace's.
    static func open(
        in namespace: borrowing NetworkNamespace, cookie: UInt64, kept: KeptSockets
    ) throws(SystemError) -> NamespaceSockets {
        try namespace.enter { () throws(SystemError) -> NamespaceSockets in
            try NamespaceSockets(Opener(kept: kept, cookie: cookie))
        }
    }

    /// Opens them in the calling thread's namespace.
    private init(_ opener: Opener) throws(SystemError) {
        let addresses = try InterfaceAddresses.all()
        let tcp4 = try opener.listener(.v4Loopback)
        let dns4 = try opener.resolver(.v4Any)
        var listener6: Int32 = -1
        var tcp6: FileDescriptor?
        var dns6: FileDescriptor?
        do throws(SystemError) {
            let listener = try opener.listener(.v6Loopback)
            listener6 = listener.raw
            tcp6 = consume listener
            dns6 = try opener.resolver(.v6Any)
        } catch {
            guard error.code == EAFNOSUPPORT || error.code == EADDRNOTAVAIL else { throw error }
            listener6 = -1
            tcp6 = nil
        }
        self.addresses = addresses
        listener4 = tcp4.raw
        self.listener6 = listener6
        self.tcp4 = tcp4
        self.tcp6 = tcp6
        self.dns4 = dns4
        self.dns6 = dns6
    }

    /// Gives the sockets to those who serve them.
    consuming func handOver(
        to dataPlane: DataPlane, names: NameServer, as index: NamespaceIndex, namespace: consuming NetworkNamespace
    ) {
        names.serve(udp: dns4, namespace: index)
        if let dns6 { names.serve(udp: dns6, namespace: index) }
        dataPlane.capture(v4: tcp4, v6: tcp6, namespace: index, descriptor: namespace)
    }
}

/// Opens the sockets of one namespace, or finds them among those that were kept.
private struct Opener {
    let kept: KeptSockets
    let cookie: UInt64
    private var name: String { KeptSockets.name(ofNamespace: cookie) }

    init(kept: KeptSockets, cookie: UInt64) {
        self.kept = kept
        self.cookie = cookie
    }

    func listener(_ ip: IPAddress) throws(SystemError) -> FileDescriptor {
        let address = SocketAddress(ip: ip, port: Capture.listenerPort)
        let wanted = SocketKind(address: address, isStream: true, isListening: true, namespace: cookie)
        if let socket = kept.take(name, where: { $0 == wanted }) { return socket }
        let socket = try TCPSocket.listen(on: address)
        kept.keep(socket.raw, as: name)
        return socket
    }

    func resolver(_ ip: IPAddress) throws(SystemError) -> FileDescriptor {
        let address = SocketAddress(ip: ip, port: Capture.resolverPort)
        let wanted = SocketKind(address: address, isStream: false, isListening: false, namespace: cookie)
        if let socket = kept.take(name, where: { $0 == wanted }) { return socket }
        let socket = try DatagramSocket.bind(to: address)
        kept.keep(socket.raw, as: name)
        return socket
    }
}
