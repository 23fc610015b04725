import Glibc
import MeshBPF
import MeshDataPlane
import MeshPolicy
import MeshProtocols
import MeshSnapshot
import MeshSystem
import MeshTypes

/// A name server on loopback sockets. Slot n (the last octet of the address that is asked) is workload n of service `caller`.
final class NamesNode: Sendable {
    let server: NameServer
    let port: UInt16
    private let port6: UInt16
    private let asked: SocketAddress

    static let namespace = NamespaceIndex(rawValue: 3)
    static let wallet = (v4: IPAddress("240.64.0.2")!, v6: IPAddress("fd6d:7965:6c69::2")!)
    /// Services with endpoints of one family.
    static let old = (v4: IPAddress("240.64.0.4")!, v6: IPAddress("fd6d:7965:6c69::4")!)
    static let new = (v4: IPAddress("240.64.0.5")!, v6: IPAddress("fd6d:7965:6c69::5")!)
    static let ledger = IPAddress("240.64.0.3")!

    /// - Parameters:
    ///   - upstream: the server that is asked on.
    ///   - asked: the server that the workloads ask, if it is another one.
    init(
        upstream: SocketAddress, asked: SocketAddress? = nil, publishes: Bool = true, loops: Bool = false,
        _ adapt: (inout NameServerOptions) -> Void = { _ in }, report: @escaping @Sendable (NameRefusalReport) -> Void = { _ in }
    ) throws {
        let v4 = try DatagramSocket.bind(to: SocketAddress(ip: .v4Any, port: 0))
        let v6 = try DatagramSocket.bind(to: SocketAddress(ip: .v6Any, port: 0))
        port = TCPSocket.localAddress(v4.raw)!.port
        port6 = TCPSocket.localAddress(v6.raw)!.port
        self.asked = asked ?? upstream
        let server = self.asked
        var options = NameServerOptions()
        options.upstreams = [upstream]
        options.aliases = [ServiceName("purse")!: ServiceName("wallet")!]
        options.virtualNetworks = [
            .init(address: IPAddress("240.64.0.0")!, prefix: 16), .init(address: IPAddress("fd6d:7965:6c69::")!, prefix: 96),
        ]
        if loops { options.upstreams = [SocketAddress(ip: Self.slot(9), port: port)] }
        adapt(&options)
        self.server = try NameServer(options: options, slots: { $0 == 200 ? nil : Self.slot($0, server: server) }, report: report)
        if publishes { self.server.publish(Self.snapshot) }
        self.server.serve(udp: v4, namespace: Self.namespace)
        self.server.serve(udp: v6, namespace: Self.namespace)
        self.server.start()
    }

    deinit { server.stop() }

    private static func slot(_ slot: UInt32) -> IPAddress { IPAddress(v4: 0x7f00_0000 | slot) }
    private static func slot(_ slot: UInt32, server: SocketAddress) -> DNSSlot {
        DNSSlot(
            server: server, workload: WorkloadID(rawValue: slot), service: ServiceID(rawValue: slot == listed ? 4 : 1), namespace: namespace
        )
    }

    static let snapshot: Snapshot = {
        let node = Node(locality: Locality(region: "r", zone: "z", node: "n"), tunnel: SocketAddress("127.0.0.1:15008")!)
        var parts = SnapshotParts(
            generation: 1, node: node, trustDomain: "test.mesh", clusterDomain: "cluster.local",
            policy: PolicySet([callerPolicy, listedPolicy], namespace: "default"))
        func service(
            _ id: UInt32, _ namespace: String, _ name: String, _ addresses: [IPAddress], endpoints: [String] = [],
            speaks kind: ApplicationProtocol = .tcp
        ) -> SnapshotService {
            SnapshotService(
                id: ServiceID(rawValue: id), identity: ServiceIdentity(namespace: namespace, name: ServiceName(name)!), port: 80,
                virtualAddresses: addresses,
                endpoints: endpoints.map { Endpoint(address: SocketAddress($0)!, locality: node.locality, tunnel: node.tunnel) },
                from: node, applicationProtocol: kind)
        }
        parts.services = [
            service(1, "default", "caller", []), service(2, "default", "wallet", [wallet.v4, wallet.v6], speaks: .http),
            service(3, "bank", "ledger", [ledger]),
            service(4, "default", "old", [old.v4, old.v6], endpoints: ["10.0.0.1:80"]),
            service(5, "default", "new", [new.v4, new.v6], endpoints: ["[fd00::1]:80"]),
        ]
        return Snapshot(parts)
    }()

    /// The caller may call the wallet and nobody else.
    private static let callerPolicy: ServicePolicy = {
        let location = RuleLocation(file: "caller.yaml", line: 1, column: 1)
        var policy = ServicePolicy(service: ServiceName("caller")!, location: location)
        policy.allow = [PolicyRule(peer: .service(ServiceName("wallet")!), location: location)]
        policy.foreignNames = [.any]
        return policy
    }()

    /// A workload of a service that may ask for few names.
    static let listed: UInt32 = 100
    private static let listedPolicy: ServicePolicy = {
        var policy = ServicePolicy(service: ServiceName("old")!, location: RuleLocation(file: "old.yaml", line: 1, column: 1))
        policy.foreignNames = ["api.example.com", "*.cdn.example"].compactMap { ForeignName($0) }
        return policy
    }()

    // MARK: Workloads

    /// A UDP socket of workload `slot`, connected: it takes answers from the address that it asked only.
    func client(slot: UInt32 = 5) throws -> NamesClient {
        try NamesClient(SocketAddress(ip: Self.slot(slot), port: port))
    }

    func client6() throws -> NamesClient { try NamesClient(SocketAddress(ip: .v6Loopback, port: port6)) }

    /// A TCP connection as capture hands it over.
    func connect(slot: UInt32 = 5) throws -> TestSocket {
        let listener = try TestListener()
        let client = try TestSocket(connectingTo: listener.address)
        let accepted = try listener.accept()
        let raw = dup(accepted.raw)
        _ = fcntl(raw, F_SETFL, fcntl(raw, F_GETFL) | O_NONBLOCK)
        server.serveTCP(
            connection: FileDescriptor(owning: raw), server: asked, workload: WorkloadID(rawValue: slot),
            service: ServiceID(rawValue: 1), namespace: Self.namespace)
        return client
    }
}

/// A stub resolver over UDP.
final class NamesClient: Sendable {
    let socket: TestSocket

    init(_ address: SocketAddress) throws {
        let family = address.ip.isV4 ? AF_INET : AF_INET6
        let raw = try checked("socket") { Glibc.socket(family, Int32(SOCK_DGRAM.rawValue), 0) }
        socket = TestSocket(owning: raw)
        try checked("connect") { KernelAddress(address).withPointer { Glibc.connect(raw, $0, $1) } }
    }

    static func query(_ name: String, _ type: DNSType = .a, id: UInt16 = 0x2a2a, payload: UInt16? = nil) -> DNSMessage {
        var message = DNSMessage(header: DNSHeader(id: id), question: DNSQuestion(name: DNSName(name)!, type: type))
        message.header.recursionDesired = true
        message.options = payload.map { DNSOptions(payloadSize: $0) }
        return message
    }

    /// The next answer; nil after `milliseconds`.
    func receive(milliseconds: Int32 = 10_000) -> [UInt8]? {
        var ready = pollfd(fd: socket.raw, events: Int16(POLLIN), revents: 0)
        guard poll(&ready, 1, milliseconds) == 1, case .bytes(let bytes) = socket.read() else { return nil }
        return bytes
    }

    func ask(_ query: DNSMessage) throws -> DNSMessage? {
        _ = socket.write(query.encoded())
        return try receive().map { try DNSMessage($0) }
    }
}

extension TestSocket {
    /// Asks over a DNS connection.
    func ask(_ query: DNSMessage) throws -> DNSMessage? {
        _ = write(DNSStream.framed(query.encoded()))
        return try readMessage()
    }

    /// The next message of a DNS connection; nil at its end.
    func readMessage() throws -> DNSMessage? {
        let length = read(exactly: 2)
        guard length.count == 2 else { return nil }
        return try DNSMessage(read(exactly: Int(length[0]) << 8 | Int(length[1])))
    }
}
