internal import Glibc
internal import MeshBPF
internal import MeshDataPlane
internal import MeshSystem
internal import MeshTypes

/// What the daemon opens inside a namespace: the listeners that captured connections are redirected to, and the resolver's sockets.
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
    static func open(in namespace: borrowing NetworkNamespace) throws(SystemError) -> NamespaceSockets {
        try namespace.enter { () throws(SystemError) -> NamespaceSockets in try NamespaceSockets() }
    }

    /// Opens them in the calling thread's namespace.
    private init() throws(SystemError) {
        let addresses = try InterfaceAddresses.all()
        let tcp4 = try TCPSocket.listen(on: SocketAddress(ip: .v4Loopback, port: Capture.listenerPort))
        let dns4 = try DatagramSocket.bind(to: SocketAddress(ip: .v4Any, port: Capture.resolverPort))
        var listener6: Int32 = -1
        var tcp6: FileDescriptor?
        var dns6: FileDescriptor?
        do throws(SystemError) {
            let listener = try TCPSocket.listen(on: SocketAddress(ip: .v6Loopback, port: Capture.listenerPort))
            listener6 = listener.raw
            tcp6 = consume listener
            dns6 = try DatagramSocket.bind(to: SocketAddress(ip: .v6Any, port: Capture.resolverPort))
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
