internal import Glibc
internal import Logging
internal import MeshBPF
internal import MeshConfig
internal import MeshDataPlane
internal import MeshIdentity
internal import MeshPolicy
internal import MeshRegistry
internal import MeshSystem
internal import MeshTelemetry
internal import MeshTypes

/// Everything of a node that lives as long as its daemon, put together.
struct NodeParts {
    let tunnel: SocketAddress
    /// This node as its configuration has it.
    let itself: Node
    let numbers: ServiceNumbers
    let kept: KeptSockets
    let capture: Capture
    let names: NameServer
    /// nil where `dns.upstream` names servers.
    let resolvers: NodeResolvers?
    let dataPlane: DataPlane
    /// nil where an agent stands in its place.
    let authority: NodeAuthority?
    let identities: IdentityStore
    let enrolment: Enrolment
    let reconciler: Reconciler
    let flowLog: FlowLog
    let pump: KernelEventPump
    let breakers: BreakerWatch
    let clock: ClockWatch
    /// nil where no Redis is named.
    let sharedLimits: SharedLimits?
    /// nil where no agent is named.
    let agent: SPIFFEAgent?
    /// nil where no socket is named.
    let workloadAPI: WorkloadAPI?
    /// Why old virtual addresses were not kept, if so.
    let addressWarning: String?

    /// - Parameter descriptors: how many may be open.
    init(_ configuration: NodeConfiguration, descriptors: Int, kept: KeptSockets, log: Logger) throws(StartFailure) {
        self.kept = kept
        numbers = ServiceNumbers(file: configuration.runDirectory + "/service-numbers")
        let mount = try Self.cgroupMount()
        tunnel = SocketAddress(ip: configuration.node.address, port: configuration.tunnel.port)
        itself = Node(locality: configuration.locality, tunnel: tunnel)
        agent = SPIFFEAgent(configuration, log: log)
        authority = agent == nil ? try NodeAuthority(configuration, log: log) : nil
        let capture = try Self.attach(configuration, mount: mount, numbers, kept)
        self.capture = capture
        let source = try Self.identitySource(agent, authority)
        identities = IdentityStore(
            source: source, trustDomain: configuration.trustDomain, lifetime: configuration.authority.lifetime)
        let rings = (0..<configuration.workers).map { _ in FlowRing() }
        let kernelRing = FlowRing()
        let withdrawn = WithdrawnFlows()
        pump = KernelEventPump(capture: capture, ring: kernelRing, withdrawn: withdrawn)
        flowLog = Self.flowLog(configuration, rings: rings + [kernelRing], numbers: numbers)
        clock = ClockWatch(log: log)
        breakers = BreakerWatch(numbers: numbers, log: log)
        sharedLimits = SharedLimits(configuration, log: log)
        do throws(SystemError) {
            names = try Self.nameServer(configuration, capture: capture, numbers: numbers, log: log)
            dataPlane = try Self.dataPlane(
                configuration, descriptors: descriptors - WorkloadAPI.descriptors(configuration), rings: rings, names: names,
                breakers: breakers,
                journal: HealthJournal(numbers: numbers, log: log), globalRates: sharedLimits?.rates, log: log)
            try Self.serveTunnels(dataPlane, on: tunnel, kept)
        } catch {
            throw StartFailure(
                code: "tunnel", what: "cannot serve on \(tunnel): \(error)",
                advice: "node.address must be an address of this machine, and its port free")
        }
        resolvers = NodeResolvers(configuration, names: names, log: log)
        enrolment = Enrolment(
            capture: capture, dataPlane: dataPlane, names: names, kept: kept,
            closed: ClosedCgroups(
                capture: capture, root: mount, configured: configuration.capture.closed,
                memory: ClosedPaths(file: configuration.closedPathsFile)),
            cgroupRoot: mount, log: log)
        workloadAPI = WorkloadAPI(configuration, source: source, enrolment: enrolment, log: log)
        let addresses = VirtualAddresses(
            file: configuration.stateDirectory + "/virtual-addresses.json", v4: configuration.dns.virtualV4,
            v6: configuration.dns.virtualV6)
        addressWarning = addresses.warning
        reconciler = Self.reconciler(
            configuration,
            Reconciler.Parts(
                capture: capture, dataPlane: dataPlane, names: names, enrolment: enrolment, identities: identities,
                withdrawn: withdrawn),
            SnapshotBuilder(
                node: itself, trustDomain: configuration.trustDomain,
                clusterDomain: configuration.dns.domain, numbers: numbers,
                policy: PolicySet([], namespace: configuration.namespace)),
            addresses, log)
    }

    func startThreads() {
        flowLog.start()
        pump.start()
        names.start()
        dataPlane.start()
        sharedLimits?.start()
    }

    /// The log last: it takes what the others still say.
    func stopThreads() {
        dataPlane.stop()
        sharedLimits?.stop()
        names.stop()
        pump.stop()
        flowLog.stop()
    }

    static func cgroupMount() throws(StartFailure) -> String {
        guard let mount = ControlGroup.mountPoint() else {
            throw StartFailure(
                code: "cgroup", what: "cgroup v2 is not mounted", advice: "mount it: mount -t cgroup2 none /sys/fs/cgroup/unified")
        }
        return mount
    }

    private static func identitySource(_ agent: SPIFFEAgent?, _ authority: NodeAuthority?) throws(StartFailure) -> IdentitySource {
        if let agent { return .agent(agent.source) }
        guard let authority else {
            throw StartFailure(code: "authority", what: "nothing signs this node's certificates", advice: "name `ca` or `spiffe.agent`")
        }
        return .authority(authority.signer)
    }

    /// The listeners of a daemon before this one first, on whatever number of workers: connections wait at each of them.
    private static func serveTunnels(_ dataPlane: DataPlane, on tunnel: SocketAddress, _ kept: KeptSockets) throws(SystemError) {
        let new = try dataPlane.serveTunnels(on: tunnel) {
            kept.take(KeptSockets.tunnel) { $0.address == tunnel && $0.isListening }
        }
        for listener in new { kept.keep(listener, as: KeptSockets.tunnel) }
    }

    /// The tables of a daemon before this one stay in force until the first pass, if its numbers are known. Otherwise direct flows and verdicts
    /// are written in numbers that mean nothing now: refused until the first pass.
    private static func attach(
        _ configuration: NodeConfiguration, mount: String, _ numbers: ServiceNumbers, _ kept: KeptSockets
    ) throws(StartFailure) -> Capture {
        let options = try captureOptions(configuration, mount: mount)
        do throws(KernelError) {
            let liveness = kept.take(KeptSockets.liveness) { !$0.isStream }
            let isNew = liveness == nil
            let capture = try Capture.attach(options, liveness: liveness)
            if isNew { kept.keep(capture.livenessDescriptor, as: KeptSockets.liveness) }
            guard !capture.tookOver || !numbers.restore() else { return capture }
            numbers.startAnew()
            try capture.reconcile(verdicts: [:])
            try capture.reconcile(localEndpoints: [:])
            try capture.forgetIdentitiesOfPaths()
            return capture
        } catch {
            throw StartFailure(
                code: "capture",
                what: "\(error.operation): \(String(cString: strerror(error.code)))\(error.log.isEmpty ? "" : "\n\(error.log)")",
                advice: error.advice)
        }
    }

    static func captureOptions(_ configuration: NodeConfiguration, mount: String) throws(StartFailure) -> CaptureOptions {
        CaptureOptions(
            objectDirectory: try KernelObjects.directory(configured: configuration.capture.objects),
            cgroup: mount + configuration.capture.cgroup, daemonCgroup: mount + (try daemonCgroup(configuration)),
            pinDirectory: configuration.capture.pins, unknownWorkloads: configuration.capture.unknown == .refuse ? .refuse : .pass)
    }

    /// The daemon is exempt by its cgroup: it must be one of its own.
    private static func daemonCgroup(_ configuration: NodeConfiguration) throws(StartFailure) -> String {
        let own = configuration.capture.daemonCgroup ?? ControlGroup.own().map(DaemonCgroup.standing)
        guard let own, own != "/", own != configuration.capture.cgroup else {
            throw StartFailure(
                code: "daemon_cgroup", what: "the daemon runs in the cgroup \(own ?? "unknown") together with others",
                advice: "start it by its systemd unit, or in a cgroup of its own named in capture.daemon_cgroup")
        }
        return own
    }

    private static func flowLog(_ configuration: NodeConfiguration, rings: [FlowRing], numbers: ServiceNumbers) -> FlowLog {
        let output: AccessLogOutput =
            switch configuration.log.access {
            case nil: .standardOutput
            case "": .off
            case .some(let path): .file(path)
            }
        return FlowLog(
            rings: rings, names: { numbers.identity(of: $0) }, trustDomain: configuration.trustDomain, output: output)
    }

    private static func nameServer(
        _ configuration: NodeConfiguration, capture: Capture, numbers: ServiceNumbers, log: Logger
    ) throws(SystemError) -> NameServer {
        let isEnforced = configuration.dns.foreign == .refuse
        return try NameServer(
            options: NameServerOptions(configuration), slots: { capture.dnsSlot($0) },
            report: { refused in
                log.warning(
                    isEnforced ? "name refused" : "name would be refused",
                    metadata: [
                        "reason": "\(DenialReason.nameRefused.code)", "why": "\(refused.refusal.rawValue)",
                        "service": "\(numbers.identity(of: refused.service)?.description ?? "unknown")",
                        "workload": "\(refused.workload.rawValue)", "name": "\(refused.question.name.escaped)",
                        "type": "\(refused.question.type.rawValue)", "not_logged": "\(refused.omitted)",
                    ])
            })
    }

    private static func dataPlane(
        _ configuration: NodeConfiguration, descriptors: Int, rings: [FlowRing], names: NameServer, breakers: BreakerWatch,
        journal: HealthJournal, globalRates: GlobalRates?, log: Logger
    ) throws(SystemError) -> DataPlane {
        var options = DataPlaneOptions()
        options.workers = configuration.workers
        options.keepalive = configuration.tunnel.keepalive
        options.connectTimeout = configuration.tunnel.connectTimeout
        options.deliveryMark = Capture.mark
        options.deliveryCheck = DeliveryCheck(
            expect: { expectCallee($0, on: $1) }, isRefused: { metWrongListener($0) })
        options.descriptorCeiling = Int32(clamping: descriptors - ProcessLimits.reservedDescriptors)
        return try DataPlane(
            options: options, rings: rings,
            origin: { socket in
                capturedOrigin(of: socket).map {
                    CaptureRecord(destination: $0.destination, workload: $0.workload, service: $0.service, namespace: $0.namespace)
                }
            },
            nameConnection: { socket, record in
                names.serveTCP(
                    connection: FileDescriptor(owning: socket), server: record.destination, workload: record.workload,
                    service: record.service, namespace: record.namespace)
            },
            report: { failure, peer, count in
                log.warning(
                    count > 1 ? "tunnels refused" : "tunnel refused",
                    metadata: [
                        "reason": "\(failure.reason.code)", "detail": "\(failure.detail)", "peer": "\(peer)", "count": "\(count)",
                    ])
            }, breakerReport: { breakers.note($0, $1) }, healthReport: { journal.note($0) }, globalRates: globalRates)
    }

    private static func reconciler(
        _ configuration: NodeConfiguration, _ parts: Reconciler.Parts, _ builder: SnapshotBuilder, _ addresses: VirtualAddresses,
        _ log: Logger
    ) -> Reconciler {
        Reconciler(parts, builder: builder, virtualAddresses: addresses, direct: configuration.capture.direct, log: log)
    }
}

extension NodeConfiguration {
    var locality: Locality { Locality(region: node.region, zone: node.zone, node: node.name) }
}
