internal import CBPF
internal import CMyelinABI
internal import Glibc
package import MeshSystem
internal import MeshTypes
internal import Synchronization

/// The kernel programs of one node, loaded, pinned and attached. Thread-safe. Dropping it leaves everything pinned: closed.
///
/// Order at start: `attach`, then workloads, reconciliations and guards, and `setListeners` last. The first `setListeners` tells the
/// programs that the daemon serves: direct flows of a daemon before this one resume then, under the policy written before it.
package final class Capture: Sendable {
    /// True when maps and links of a daemon before this one were taken over.
    package let tookOver: Bool
    package let options: CaptureOptions
    let pins: PinLayout
    let maps: CaptureMaps
    let events: EventRing
    /// Why the kernel programs do not see new cgroups, if so: the daemon's survey finds them then.
    package let watchFailure: KernelError?
    let guards: Mutex<[NamespaceIndex: GuardedNamespace]>
    /// The devices that this daemon filters.
    let filtered: Mutex<[DeviceIndex: NamespaceIndex]>
    let liveness: LivenessSocket

    /// Loads the programs, takes over what is pinned (each link's program is swapped in place), attaches the rest.
    /// - Parameter liveness: the socket of a daemon before this one by which the programs take the daemon for alive; nil for a new one.
    package static func attach(
        _ options: CaptureOptions, liveness: consuming FileDescriptor? = nil
    ) throws(KernelError) -> Capture {
        let pins = PinLayout(directory: options.pinDirectory)
        try pins.prepare()
        let object = try ObjectFile(opening: options.objectDirectory + "/capture.bpf.o")
        var constants = myelin_capture_constants()
        constants.node_netns = try NamespaceCookie.current()
        constants.service_manager = ControlGroup.ofServiceManager() ?? 0
        constants.refuse_unknown = options.unknownWorkloads == .refuse ? 1 : 0
        try object.setConstants(constants)
        try object.pinMaps(in: pins.maps)
        try object.load()
        let maps = try CaptureMaps(object)
        try enterDaemon(options.daemonCgroup, in: maps)
        let tookOver = try link(object, options, pins)
        let watchFailure = watch(options, pins)
        pins.removeOtherVersions()
        return try Capture(options: options, pins: pins, maps: maps, tookOver: tookOver, watchFailure: watchFailure, liveness: liveness)
    }

    private static func watch(_ options: CaptureOptions, _ pins: PinLayout) -> KernelError? {
        do throws(KernelError) {
            try CgroupWatch.install(options, pins)
            return nil
        } catch { return error }
    }

    private init(
        options: CaptureOptions, pins: PinLayout, maps: CaptureMaps, tookOver: Bool, watchFailure: KernelError?,
        liveness kept: consuming FileDescriptor?
    ) throws(KernelError) {
        self.options = options
        self.pins = pins
        self.tookOver = tookOver
        events = try EventRing(map: maps.events)
        liveness = try LivenessSocket(kept)
        self.watchFailure = watchFailure
        guards = Mutex([:])
        filtered = Mutex([:])
        KernelMap<RawFlowKey, RawFlow>(name: "deliveries", descriptor: maps.deliveries).clear()
        self.maps = maps
    }

    /// The daemon is exempt by its cgroup; cgroups of daemons before it are forgotten.
    private static func enterDaemon(_ directory: String, in maps: CaptureMaps) throws(KernelError) {
        let id = try cgroupID(directory)
        for (other, entry) in maps.workloads.entries where entry.isDaemon && other != id {
            try maps.workloads.remove(other)
        }
        try maps.workloads.set(id, .daemon)
    }

    private static func link(
        _ object: borrowing ObjectFile, _ options: CaptureOptions, _ pins: PinLayout
    ) throws(KernelError) -> Bool {
        var tookOver = false
        guard let root = ControlGroup.mountPoint() else { throw KernelError("find the root of cgroup v2", code: ENOENT) }
        let places = [(options.daemonCgroup, CgroupHook.daemon), (options.cgroup, CgroupHook.workloads), (root, CgroupHook.doors)]
        for (path, hooks) in places {
            let id = try cgroupID(path)
            let directory = try openDirectory(path)
            for hook in hooks {
                let target = PinnedLink.Target.cgroup(descriptor: directory.raw, id: id, type: hook.type)
                let program = try object.program(hook.program)
                let pin = pins.links + "/" + hook.program
                if try PinnedLink.install(program: program, at: target, pin: pin) { tookOver = true }
            }
        }
        return tookOver
    }

    private static func cgroupID(_ path: String) throws(KernelError) -> UInt64 {
        do { return try ControlGroup.id(ofDirectory: path) } catch { throw KernelError("find cgroup \(path)", code: error.code) }
    }

    private static func openDirectory(_ path: String) throws(KernelError) -> FileDescriptor {
        do { return try FileDescriptor.open(path, flags: O_RDONLY | O_DIRECTORY) } catch {
            throw KernelError("open cgroup \(path)", code: error.code)
        }
    }

    /// Where connections are redirected to in every workload's namespace, on loopback.
    package static let listenerPort = UInt16(MYELIN_CAPTURE_PORT)
    /// Where DNS queries are redirected to in every workload's namespace.
    package static let resolverPort = UInt16(MYELIN_DNS_PORT)
    /// Of one service, those that flows of the same node may reach without the daemon.
    package static let maximumLocalEndpoints = Int(MYELIN_MAX_LOCAL_ENDPOINTS)

    /// Detaches everything and removes the pins, those of other versions too: from now on traffic is not captured (uninstall).
    package static func remove(pinDirectory: String) {
        VethFilter.removeAll(PinLayout(directory: pinDirectory))
        PinLayout.removeTree(pinDirectory)
    }
}
