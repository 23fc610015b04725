internal import Glibc
internal import MeshBPF
internal import MeshDataPlane
internal import MeshSystem
internal import MeshTypes

/// What the daemon opens inside a namespace: the listeners that captured connections are redirected to, and the resolver's sockets.
struct NamespaceSockets: ~Copyable {
    let addresses: Set<IPAddress>
    private let tcp4: FileDescriptor
    private let tcp6: FileDescriptor?
    private let dns4: FileDescriptor
    private let dns6: FileDescriptor?

    /// IPv6 sockets are left out where the namespace has no IPv6 (`net.ipv6.conf.all.disable_ipv6`).
    init(in namespace: borrowing NetworkNamespace) throws(SystemError) {
        self = try namespace.enter { () throws(SystemError) -> NamespaceSockets in try NamespaceSockets() }
    }

    /// Opens them in the calling thread's namespace.
    private init() throws(SystemError) {
        addresses = try InterfaceAddresses.all()
        tcp4 = try TCPSocket.listen(on: SocketAddress(ip: .v4Loopback, port: Capture.listenerPort))
        dns4 = try DatagramSocket.bind(to: SocketAddress(ip: .v4Any, port: Capture.resolverPort))
        tcp6 = try Self.unlessWithoutIPv6 { () throws(SystemError) in
            try TCPSocket.listen(on: SocketAddress(ip: .v6Loopback, port: Capture.listenerPort))
        }
        dns6 = try Self.unlessWithoutIPv6 { () throws(SystemError) in
            try DatagramSocket.bind(to: SocketAddress(ip: .v6Any, port: Capture.resolverPort))
        }
    }

    private static func unlessWithoutIPv6(
        _ open: () throws(SystemError) -> FileDescriptor
    ) throws(SystemError) -> FileDescriptor? {
        do throws(SystemError) {
            return try open()
        } catch {
            if error.code == EAFNOSUPPORT || error.code == EADDRNOTAVAIL { return nil }
            throw error
        }
    }

    /// Raw descriptors of the capture listeners; -1 for none.
    var listener4: Int32 { tcp4.raw }
    var listener6: Int32 { tcp6?.raw ?? -1 }

    /// Gives the sockets to those who serve them.
    consuming func handOver(
        to dataPlane: DataPlane, names: NameServer, as index: NamespaceIndex, namespace: borrowing NetworkNamespace
    ) throws(SystemError) {
        names.serve(udp: dns4, namespace: index)
        if let dns6 { names.serve(udp: dns6, namespace: index) }
        dataPlane.capture(v4: tcp4, v6: tcp6, namespace: index, descriptor: try namespace.duplicate())
    }
}
