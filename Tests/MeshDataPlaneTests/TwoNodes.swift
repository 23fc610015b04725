import Foundation
import Glibc
import MeshDataPlane
import MeshIdentity
import MeshPolicy
import MeshSnapshot
import MeshSystem
import MeshTLS
import MeshTelemetry
import MeshTypes
import Synchronization

/// Two data planes in this process, joined by a real tunnel over loopback. `caller` runs on the first node, `callee` on the second;
/// what callers dial is said by the test instead of the kernel.
final class TwoNodes: Sendable {
    static let caller = ServiceIdentity(namespace: "default", name: ServiceName("caller")!)
    static let callee = ServiceIdentity(namespace: "default", name: ServiceName("callee")!)
    /// Beside the callee, where a test wants one more.
    static let trial = ServiceIdentity(namespace: "default", name: ServiceName("trial")!)
    static let trustDomain = "test.mesh"

    let source: TestNode
    let destination: TestNode
    private let stores: Mutex<IdentityStore>
    private let left: Duration?
    private let applicationProtocol: ApplicationProtocol
    private let isLocal: Bool
    private let versions: [String]
    private let trials: [SocketAddress]
    private let endpoints: Mutex<[SocketAddress]>
    private let policies: Mutex<PolicySet>
    private let destinationPolicy: Mutex<PolicySet?>
    private let wayIn: SocketAddress?
    private let generation = Atomic<UInt64>(0)
    private let revoked = Mutex(RevokedSerials.none)

    /// - Parameters:
    ///   - endpoints: where `callee` answers, on the second node.
    ///   - applicationProtocol: what `callee` is declared to speak.
    ///   - destinationPolicy: of the second node; nil for the first one's.
    ///   - versions: of the endpoints, in their order; empty for none.
    ///   - isLocal: `callee` runs on the first node, beside its caller.
    ///   - wayIn: where the first node dials the second; nil for the second's own address.
    ///   - globalRates: of the first node.
    ///   - trials: where `trial` answers, on the callee's node.
    ///   - left: of a certificate's life when it is issued; nil for a day.
    init(
        endpoints: [SocketAddress], policy: PolicySet = TwoNodes.allowed, sourceOptions: DataPlaneOptions = DataPlaneOptions(),
        destinationOptions: DataPlaneOptions = DataPlaneOptions(), speaks applicationProtocol: ApplicationProtocol = .tcp,
        isLocal: Bool = false, versions: [String] = [], destinationPolicy: PolicySet? = nil, wayIn: SocketAddress? = nil,
        globalRates: GlobalRates? = nil, trials: [SocketAddress] = [],
        left: Duration? = nil
    ) async throws {
        self.left = left
        self.trials = trials
        self.destinationPolicy = Mutex(destinationPolicy)
        self.wayIn = wayIn
        self.versions = versions
        self.applicationProtocol = applicationProtocol
        self.isLocal = isLocal
        stores = Mutex(try Self.newStore(left))
        source = try TestNode("one", options: sourceOptions, globalRates: globalRates)
        destination = try TestNode("two", options: destinationOptions)
        self.endpoints = Mutex(endpoints)
        policies = Mutex(policy)
        try await publish()
    }

    deinit {
        source.dataPlane.stop()
        destination.dataPlane.stop()
    }

    static let allowed = allowing { _ in }

    /// `caller` may call `callee`, whose own policy is what `change` makes of it.
    ///
    /// - Parameters:
    ///   - operations: the only ones that it may; nil for all.
    ///   - denied: those that it may not.
    static func allowing(operations: [String]? = nil, denied: [String] = [], _ change: (inout ServicePolicy) -> Void) -> PolicySet {
        let location = RuleLocation(file: "caller.yaml", line: 1, column: 1)
        func rule(_ operation: String?) -> PolicyRule {
            PolicyRule(peer: .service(callee.name), operation: operation, location: location)
        }
        var policy = ServicePolicy(service: caller.name, location: location)
        policy.allow = operations?.map(rule) ?? [rule(nil)]
        policy.deny = denied.map(rule)
        var callees = ServicePolicy(service: callee.name, location: location)
        change(&callees)
        return PolicySet([policy, callees], namespace: "default")
    }

    private var identities: IdentityStore { stores.withLock { $0 } }

    /// With an authority of its own.
    private static func newStore(_ left: Duration?) throws -> IdentityStore {
        let authority = try EmbeddedCA.open(directory: try Scratch.directory(), trustDomain: trustDomain)
        guard let left else { return IdentityStore(authority: authority, trustDomain: trustDomain) }
        // An authority gives no less than a minute: most of it is over already.
        let age = Duration.seconds(60) - left
        return IdentityStore(authority: authority, trustDomain: trustDomain, lifetime: .seconds(60), clock: LateClock(by: age))
    }

    /// Another authority takes the place of the present one, whose certificates nobody trusts from now on.
    func replaceAuthority() async throws {
        let store = try Self.newStore(left)
        stores.withLock { $0 = store }
        try await publish()
    }

    /// - Parameter destinationPolicy: of the second node alone.
    func replace(
        policy: PolicySet? = nil, destinationPolicy: PolicySet? = nil, endpoints: [SocketAddress]? = nil
    ) async throws {
        if let policy { policies.withLock { $0 = policy } }
        if let destinationPolicy { self.destinationPolicy.withLock { $0 = destinationPolicy } }
        if let endpoints { self.endpoints.withLock { $0 = endpoints } }
        try await publish()
    }

    /// The authority takes the service's certificate back; both nodes hear of it, and the service goes on showing it.
    func revoke(_ service: ServiceIdentity) async throws {
        let serial = await identities.credentials()[service]?.serial ?? ""
        revoked.withLock { $0 = RevokedSerials($0.serials.union([serial])) }
        try await publish()
    }

    /// Both services get new certificates.
    func renew() async throws {
        await identities.ensure([])
        try await publish()
    }

    /// Gives both nodes a snapshot, and waits until their workers have it.
    private func publish() async throws {
        await identities.ensure([Self.caller, Self.callee, Self.trial])
        let credentials = await identities.credentials()
        let generation = self.generation.add(1, ordering: .relaxed).newValue
        for node in [source, destination] { node.dataPlane.publish(snapshot(for: node, credentials, generation)) }
        for node in [source, destination] {
            while node.dataPlane.adoptedGenerations.contains(where: { $0 < generation }) { usleep(1000) }
        }
    }

    private func snapshot(
        for node: TestNode, _ credentials: [ServiceIdentity: TLSCredential], _ generation: UInt64
    ) -> Snapshot {
        let here = Node(locality: node.locality, tunnel: node.tunnel)
        var parts = SnapshotParts(
            generation: generation, node: here, trustDomain: Self.trustDomain, clusterDomain: "cluster.local",
            policy: (node === destination ? destinationPolicy.withLock { $0 } : nil) ?? policies.withLock { $0 })
        parts.revoked = revoked.withLock { $0 }
        func endpoint(_ address: SocketAddress, version: String = "") -> Endpoint {
            Endpoint(
                address: address, locality: (isLocal ? source : destination).locality, version: version,
                tunnel: wayIn ?? destination.tunnel)
        }
        let callees = endpoints.withLock { $0 }.enumerated().map { index, address in
            endpoint(address, version: versions.indices.contains(index) ? versions[index] : "")
        }
        let (callerID, calleeID, trialID) = (ServiceID(rawValue: 1), ServiceID(rawValue: 2), ServiceID(rawValue: 3))
        parts.services = [
            SnapshotService(id: callerID, identity: Self.caller, port: 1, virtualAddresses: [], endpoints: [], from: here),
            SnapshotService(
                id: calleeID, identity: Self.callee, port: Self.virtual.port, virtualAddresses: [Self.virtual.ip],
                endpoints: callees, from: here, applicationProtocol: applicationProtocol, traffic: parts.policy.traffic(to: Self.callee)),
        ]
        if !trials.isEmpty {
            parts.services.append(
                SnapshotService(
                    id: trialID, identity: Self.trial, port: Self.virtual.port, virtualAddresses: [],
                    endpoints: trials.map { endpoint($0) },
                    from: here, applicationProtocol: applicationProtocol, traffic: parts.policy.traffic(to: Self.trial)))
        }
        if node === source { parts.credentials[callerID] = credentials[Self.caller] }
        if (node === source) == isLocal {
            parts.credentials[calleeID] = credentials[Self.callee]
            for callee in callees {
                parts.deliveries[callee.address] = Snapshot.Delivery(
                    service: calleeID, namespace: .node, address: callee.address)
            }
            parts.credentials[trialID] = credentials[Self.trial]
            for address in trials {
                parts.deliveries[address] = Snapshot.Delivery(service: trialID, namespace: .node, address: address)
            }
        }
        return Snapshot(parts)
    }

    static let virtual = SocketAddress("240.64.0.2:80")!

    /// A connection of `caller` to `callee`'s virtual address, as a program would have it.
    func dial() throws -> TestSocket { try TestSocket(connectingTo: source.capture) }
}

/// One node: a data plane whose captured connections all go to the callee's virtual address.
final class TestNode: Sendable {
    let locality: Locality
    let tunnel: SocketAddress
    let capture: SocketAddress
    let dataPlane: DataPlane
    let rings: [FlowRing]

    init(_ name: String, options: DataPlaneOptions, globalRates: GlobalRates? = nil) throws {
        locality = Locality(region: "r", zone: name, node: name)
        rings = (0..<options.workers).map { _ in FlowRing() }
        dataPlane = try DataPlane(
            options: options, rings: rings,
            origin: { _ in
                CaptureRecord(
                    destination: TwoNodes.virtual, workload: WorkloadID(rawValue: 1), service: ServiceID(rawValue: 1),
                    namespace: .node)
            }, globalRates: globalRates)
        let probe = try TCPSocket.listen(on: SocketAddress(ip: .v4Loopback, port: 0), reusePort: true)
        tunnel = TCPSocket.localAddress(probe.raw)!
        try dataPlane.serveTunnels(on: tunnel)
        let listener = try TCPSocket.listen(on: SocketAddress(ip: .v4Loopback, port: 0))
        capture = TCPSocket.localAddress(listener.raw)!
        dataPlane.capture(v4: listener, v6: nil, namespace: .node, descriptor: try NetworkNamespace.current())
        dataPlane.start()
    }

    /// Tells it to end; how long something was under way after that.
    func timeToDrain() async -> Duration {
        let start = ContinuousClock.now
        dataPlane.drain()
        while await dataPlane.activity(since: 0).busy > 0, ContinuousClock.now - start < .seconds(3) {
            try? await Task.sleep(for: .milliseconds(5))
        }
        return ContinuousClock.now - start
    }

    /// The next flow of this node that has ended; nil after `seconds`.
    func nextFlow(seconds: Double = 5, where isWanted: (FlowRecord) -> Bool = { _ in true }) -> FlowRecord? {
        for _ in 0..<Int(seconds * 1000) {
            var found: FlowRecord?
            for ring in rings where found == nil { ring.drain { if found == nil, isWanted($0) { found = $0 } } }
            if let found { return found }
            usleep(1000)
        }
        return nil
    }
}

/// A clock that is behind.
private struct LateClock: IdentityClock {
    let lag: Duration

    init(by lag: Duration) { self.lag = lag }

    var now: Date { Date(timeIntervalSinceNow: -TimeInterval(lag.components.seconds)) }
    func sleep(for duration: Duration) async throws { try await Task.sleep(for: duration) }
}
