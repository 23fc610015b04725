internal import Glibc
internal import MeshBPF
internal import MeshDataPlane
internal import MeshSystem
internal import MeshTypes

/// The listeners that the daemon has inside a namespace for captured connections. Those that a daemon before this one opened there are used
/// on, with all that waits in them.
struct NamespaceSockets: ~Copyable {
    let addresses: Set<IPAddress>
    /// Raw descriptors; -1 for none.
    let listener4: Int32
    let listener6: Int32
    /// Addresses of the mesh's own that somebody else has: the listeners for them are at other ports.
    let taken: [SocketAddress]
    private let tcp4: FileDescriptor
    private let tcp6: FileDescriptor?

    /// IPv6 sockets are left out where the namespace has no IPv6 (`net.ipv6.conf.all.disable_ipv6`).
    /// - Parameter cookie: the namespace's.
    static func open(
        in namespace: borrowing NetworkNamespace, cookie: UInt64, kept: KeptSockets
    ) throws(SystemError) -> NamespaceSockets {
        try namespace.enter { () throws(SystemError) -> NamespaceSockets in
            try NamespaceSockets(NamespaceOpener(kept: kept, cookie: cookie))
        }
    }

    /// Opens them in the calling thread's namespace.
    private init(_ opener: NamespaceOpener) throws(SystemError) {
        let addresses = try InterfaceAddresses.all()
        let tcp4 = try opener.listener(.v4Loopback)
        var listener6: Int32 = -1
        var tcp6: FileDescriptor?
        do throws(SystemError) {
            let listener = try opener.listener(.v6Loopback)
            listener6 = listener.raw
            tcp6 = consume listener
        } catch {
            guard error.isWithoutFamily else { throw error }
            listener6 = -1
            tcp6 = nil
        }
        self.addresses = addresses
        listener4 = tcp4.raw
        self.listener6 = listener6
        taken = [tcp4.raw, listener6].compactMap(Self.missedAddress)
        self.tcp4 = tcp4
        self.tcp6 = tcp6
    }

    /// The mesh's own address that a listener could not have; nil when it has it.
    private static func missedAddress(_ listener: Int32) -> SocketAddress? {
        guard let address = TCPSocket.localAddress(listener), address.port != Capture.listenerPort else { return nil }
        return SocketAddress(ip: address.ip, port: Capture.listenerPort)
    }

    /// Gives the sockets to those who serve them.
    consuming func handOver(to dataPlane: DataPlane, as index: NamespaceIndex, namespace: consuming NetworkNamespace) {
        dataPlane.capture(v4: tcp4, v6: tcp6, namespace: index, descriptor: namespace)
    }
}

/// The resolver's sockets inside a namespace. One whose port somebody else has is not there: DNS of that family is refused until it is.
struct NamespaceResolvers: ~Copyable {
    /// Addresses of the mesh's own that somebody else has.
    private(set) var taken: [SocketAddress] = []
    private var v4: FileDescriptor?
    private var v6: FileDescriptor?

    /// - Parameter families: those to open.
    static func open(
        _ families: [IPAddress] = [.v4Any, .v6Any], in namespace: borrowing NetworkNamespace, cookie: UInt64, kept: KeptSockets
    ) throws(SystemError) -> NamespaceResolvers {
        try namespace.enter { () throws(SystemError) -> NamespaceResolvers in
            let opener = NamespaceOpener(kept: kept, cookie: cookie)
            var opened = NamespaceResolvers()
            for ip in families { try opened.add(ip, opener) }
            return opened
        }
    }

    private init() {}

    private mutating func add(_ ip: IPAddress, _ opener: NamespaceOpener) throws(SystemError) {
        do throws(SystemError) {
            let socket = try opener.resolver(ip)
            if ip.isV4 { v4 = consume socket } else { v6 = consume socket }
        } catch {
            if error.code == EADDRINUSE {
                taken.append(SocketAddress(ip: ip, port: Capture.resolverPort))
            } else if ip.isV4 || !error.isWithoutFamily {
                throw error
            }
        }
    }

    /// Gives the sockets to those who serve them; the kernel's programs first, so that no query comes too early.
    consuming func handOver(to names: NameServer, _ capture: Capture, as index: NamespaceIndex) throws(SystemError) {
        do throws(KernelError) {
            try capture.setResolvers(namespace: index, v4: v4?.raw ?? -1, v6: v6?.raw ?? -1)
        } catch { throw SystemError(error.operation, code: error.code) }
        if let v4 { names.serve(udp: v4, namespace: index) }
        if let v6 { names.serve(udp: v6, namespace: index) }
    }
}

/// Opens the sockets of one namespace, or finds them among those that were kept.
private struct NamespaceOpener {
    let kept: KeptSockets
    let cookie: UInt64
    private var name: String { KeptSockets.name(ofNamespace: cookie) }

    init(kept: KeptSockets, cookie: UInt64) {
        self.kept = kept
        self.cookie = cookie
    }

    /// Where somebody else has the port, another one does: the guard hands connections to the very socket, whatever its port.
    func listener(_ ip: IPAddress) throws(SystemError) -> FileDescriptor {
        if let socket = kept.take(
            name, where: { $0.isStream && $0.isListening && $0.namespace == cookie && $0.address?.ip == ip })
        {
            return socket
        }
        let socket = try newListener(ip)
        kept.keep(socket.raw, as: name)
        return socket
    }

    private func newListener(_ ip: IPAddress) throws(SystemError) -> FileDescriptor {
        do throws(SystemError) {
            return try TCPSocket.listen(on: SocketAddress(ip: ip, port: Capture.listenerPort))
        } catch {
            guard error.code == EADDRINUSE else { throw error }
            return try TCPSocket.listen(on: SocketAddress(ip: ip, port: 0))
        }
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

extension SystemError {
    /// The namespace has no IPv6.
    fileprivate var isWithoutFamily: Bool { code == EAFNOSUPPORT || code == EADDRNOTAVAIL }
}
