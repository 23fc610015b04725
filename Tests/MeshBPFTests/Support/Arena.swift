import Foundation
import MeshBPF
import MeshSystem
import MeshTypes

/// A node on this machine: namespaces for the node, two pods and an outsider on one bridge, and a cgroup tree. Removed at the end.
///
/// node 10.77.0.1 fd77::1 · pod a .2 ::2 · pod b .3 ::3 · outsider .9 ::9
final class Arena {
    static let isPossible = geteuid() == 0 && ControlGroup.mountPoint() != nil
    static let serviceA = ServiceID(rawValue: 11)
    static let serviceB = ServiceID(rawValue: 12)
    static let serviceNode = ServiceID(rawValue: 13)
    static let virtualB = SocketAddress("240.64.0.5:80")!
    static let virtualB6 = SocketAddress("[fd6d:7965:6c69::5]:80")!
    static let indexA = NamespaceIndex(rawValue: 1)
    static let indexB = NamespaceIndex(rawValue: 2)

    let name: String
    let root: String
    let pins: String
    private var programs: [Program] = []
    private(set) var capture: Capture!
    private(set) var daemons: [Listener] = []
    private var resolvers: [Program] = []

    init(_ label: String) {
        name = "mk\(getpid() % 10000)\(label)"
        root = ControlGroup.mountPoint()! + "/myelin-kernel-\(name)"
        pins = "/sys/fs/bpf/myelin-kernel-\(name)"
        lower()
        for group in ["", "/daemon", "/a", "/a/deep", "/a/deep/deeper", "/b", "/node", "/stranger", "/exempt"] {
            mkdir(root + group, 0o755)
        }
        for space in ["node", "a", "b", "out"] {
            shell("ip netns add \(name)-\(space); ip -n \(name)-\(space) link set lo up")
        }
        shell("ip -n \(name)-node link add br0 type bridge && ip -n \(name)-node link set br0 up")
        shell("ip -n \(name)-node addr add 10.77.0.1/24 dev br0 && ip -n \(name)-node addr add fd77::1/64 dev br0 nodad")
        for (space, number) in [("a", 2), ("b", 3), ("out", 9)] {
            let pod = "\(name)-\(space)"
            shell("ip -n \(pod) link add eth0 type veth peer name v\(space) netns \(name)-node")
            shell("ip -n \(name)-node link set v\(space) master br0 up && ip -n \(pod) link set eth0 up")
            shell("ip -n \(pod) addr add 10.77.0.\(number)/24 dev eth0 && ip -n \(pod) addr add fd77::\(number)/64 dev eth0 nodad")
            shell("ip -n \(pod) route add default via 10.77.0.1 && ip -n \(pod) -6 route add default via fd77::1")
        }
    }

    deinit { lower() }

    private func lower() {
        capture = nil
        for daemon in daemons { daemon.stop() }
        for resolver in resolvers { resolver.end() }
        for program in programs { program.end() }
        Capture.remove(pinDirectory: pins)
        for space in ["node", "a", "b", "out"] { shell("ip netns del \(name)-\(space) 2>/dev/null", allowFailure: true) }
        for group in ["/a/deep/deeper", "/a/deep", "/a", "/daemon", "/b", "/node", "/stranger", "/exempt", ""] {
            var attempts = 0
            while rmdir(root + group) != 0, errno == EBUSY, attempts < 50 {
                usleep(20_000)
                attempts += 1
            }
        }
    }

    // MARK: The daemon

    /// Loads and attaches as the daemon would, from the node's namespace.
    func attach(unknown: UnknownWorkloads = .refuse) throws {
        let options = CaptureOptions(
            objectDirectory: Self.objects(), cgroup: root, daemonCgroup: root + "/daemon", pinDirectory: pins,
            unknownWorkloads: unknown)
        capture = try inside("node") { Result { try Capture.attach(options) } }.get()
    }

    /// The whole node: identities, policy a → b, guards, listeners.
    func serve(_ verdict: Verdict, permissive: Bool = false, backlog: Int32 = 4096) throws {
        if capture == nil { try attach() }
        try enroll()
        try capture.reconcile(destinations: [
            Self.virtualB: DestinationEntry(service: Self.serviceB),
            Self.virtualB6: DestinationEntry(service: Self.serviceB),
            SocketAddress("10.77.0.3:80")!: DestinationEntry(service: Self.serviceB, isEndpoint: true),
            SocketAddress("127.0.0.1:8080")!: DestinationEntry(service: Self.serviceNode),
        ])
        try capture.reconcile(verdicts: [
            VerdictKey(source: Self.serviceA, destination: Self.serviceB): verdict,
            VerdictKey(source: Self.serviceNode, destination: Self.serviceNode): verdict,
        ])
        try capture.reconcile(localEndpoints: [
            Self.serviceB: [SocketAddress("10.77.0.3:80")!, SocketAddress("[fd77::3]:80")!],
            Self.serviceNode: [SocketAddress("127.0.0.1:8080")!],
        ])
        try capture.reconcile(nodePorts: [8080: PortOwner(workload: WorkloadID(rawValue: 3), service: Self.serviceNode)])
        try listen("node", .node, .node)
        try listen("a", Self.indexA, .pod(workload: WorkloadID(rawValue: 1), service: Self.serviceA), backlog: backlog)
        try listen("b", Self.indexB, .pod(workload: WorkloadID(rawValue: 2), service: Self.serviceB), permissive: permissive)
    }

    func enroll() throws {
        try capture.setWorkload(
            cgroup: cgroupID("a"), WorkloadEntry(workload: WorkloadID(rawValue: 1), service: Self.serviceA, namespace: Self.indexA))
        try capture.setWorkload(
            cgroup: cgroupID("b"), WorkloadEntry(workload: WorkloadID(rawValue: 2), service: Self.serviceB, namespace: Self.indexB))
        try capture.setWorkload(
            cgroup: cgroupID("node"),
            WorkloadEntry(
                workload: WorkloadID(rawValue: 3), service: Self.serviceNode, namespace: .node, sharesNodeNamespace: true))
        try capture.setWorkload(
            cgroup: cgroupID("exempt"),
            WorkloadEntry(workload: WorkloadID(rawValue: 4), service: .none, namespace: .node, exempt: true))
    }

    private func listen(_ space: String, _ index: NamespaceIndex, _ kind: GuardKind, permissive: Bool = false, backlog: Int32 = 4096) throws
    {
        let namespace = try NetworkNamespace(path: "/run/netns/\(name)-\(space)")
        try Capture.prepareNamespace(namespace)
        try capture.guard(namespace: namespace, index: index, kind: kind, permissive: permissive)
        let pair = try asDaemon { try inside(space) { try Listener.Pair(backlog: backlog) } }
        let listener = Listener(pair)
        daemons.append(listener)
        let resolver = try start("daemon", Self.resolver(pins: pins, index: index.rawValue), space: space)
        resolvers.append(resolver)
        let ready = resolver.line()
        precondition(ready == "ready", ready)
        try capture.setListeners(namespace: index, v4: pair.v4, v6: pair.v6)
    }

    /// What `kill -9` does to a daemon, as far as the kernel sees it: all its sockets close, its maps and programs stay pinned.
    func killDaemon() {
        capture = nil
        for daemon in daemons { daemon.stop() }
        for resolver in resolvers { resolver.end() }
        daemons = []
        resolvers = []
    }

    /// Runs `body` while this process is in the daemon's cgroup: sockets made in it are the daemon's for ever.
    func asDaemon<Value>(_ body: () throws -> Value) throws -> Value {
        let own = try readText("/proc/self/cgroup").split(separator: "\n").first { $0.hasPrefix("0::") }!.dropFirst(3)
        try writeText("\(getpid())", to: root + "/daemon/cgroup.procs")
        defer { try? writeText("\(getpid())", to: ControlGroup.mountPoint()! + own + "/cgroup.procs") }
        return try body()
    }

    // MARK: Programs

    /// Runs `body` on this thread inside a namespace of the arena.
    func inside<Value>(_ space: String, _ body: () throws -> Value) throws -> Value {
        let namespace = try NetworkNamespace(path: "/run/netns/\(name)-\(space)")
        var outcome: Result<Value, any Error>!
        try namespace.enter { () throws(SystemError) in outcome = Result { try body() } }
        return try outcome.get()
    }

    func cgroupID(_ group: String) throws -> UInt64 { try ControlGroup.id(ofDirectory: root + "/" + group) }

    /// Runs Python to its end as a program of `group` in namespace `space` (default: the same name); what it printed.
    func python(_ group: String?, _ source: String, space: String? = nil) throws -> String {
        try Program(python: Self.prelude + source, cgroup: group.map { root + "/" + $0 }, namespace: "\(name)-\(space ?? group!)").finish()
    }

    /// Starts Python; ended with the arena.
    func start(_ group: String?, _ source: String, space: String? = nil) throws -> Program {
        let program = try Program(
            python: Self.prelude + source, cgroup: group.map { root + "/" + $0 }, namespace: "\(name)-\(space ?? group!)")
        programs.append(program)
        return program
    }

    /// An echo server of pod b (or another group) that tells each peer whom it sees, and takes a second over `slow`; ready when this
    /// returns.
    func startServer(_ group: String? = "b", port: Int = 80, space: String? = nil) throws {
        let server = try start(
            group,
            """
            import threading
            def talk(c, peer):
                try:
                    c.sendall(('peer ' + peer[0] + ' ').encode())
                    while True:
                        d = c.recv(65536)
                        if not d: break
                        if d.startswith(b'slow'): time.sleep(1)
                        c.sendall(d)
                    c.close()
                except OSError: pass
            s = socket.socket(socket.AF_INET6)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            s.bind(('::', \(port))); s.listen(128)
            print('ready')
            while True:
                c, peer = s.accept()
                threading.Thread(target=talk, args=(c, peer), daemon=True).start()
            """, space: space)
        let ready = server.line()
        precondition(ready == "ready", ready)
    }

    /// `call(address, port)` connects, says hello, and prints what came back or the errno's name.
    private static let prelude = """
        import socket, errno, sys, os, time, struct
        def call(host, port, family=socket.AF_INET, before=None, text=b'hello'):
            s = socket.socket(family)
            s.settimeout(3)
            try:
                if before: before(s)
                s.connect((host, port))
                peer, name = s.getpeername()[0], s.getsockname()[0]
                s.sendall(text); s.shutdown(socket.SHUT_WR)
                out = b''
                while True:
                    d = s.recv(65536)
                    if not d: break
                    out += d
                return out.decode() + ' from ' + peer + ' to ' + name
            except TimeoutError: return 'timeout'
            except OSError as e: return errno.errorcode.get(e.errno, str(e))
            finally: s.close()

        """

    /// A resolver as small as can be: answers each datagram with whom the slot names, from the address that was asked. (To answer from an
    /// IPv6 slot, which is no interface's address, takes IPV6_FREEBIND.) It enters its sockets by itself, since they must be a process's in
    /// the daemon's cgroup.
    private static func resolver(pins: String, index: UInt32) -> String {
        """
        import threading, ctypes
        def serve(s, v6):
            while True:
                data, extra, flags, peer = s.recvmsg(2048, 256)
                for level, kind, value in extra:
                    at = value[12:16] if v6 else value[8:12]; slot = struct.unpack('!I', at)[0] & 0xffffff
                    reply = [(level, kind, value[:16] + bytes(4) if v6 else bytes(4) + at + at)]
                s.sendmsg([b'slot %d' % slot], reply, 0, peer)
        a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); a.setsockopt(0, 8, 1); a.setsockopt(1, 2, 1); a.bind(('0.0.0.0', 15053))
        b = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        for option in (26, 49, 78): b.setsockopt(41, option, 1)
        b.bind(('::', 15053))
        lib = ctypes.CDLL('libbpf.so.1'); table = lib.bpf_obj_get(b'\(pins)/v2/maps/resolvers')
        for place, s in enumerate((a, b)):
            value = struct.pack('<Q', s.fileno())
            if lib.bpf_map_update_elem(table, struct.pack('<I', 2 * \(index) + place), value, ctypes.c_ulonglong(0)): print('not entered')
        threading.Thread(target=serve, args=(a, False), daemon=True).start()
        print('ready')
        serve(b, True)
        """
    }

    private static func objects() -> String {
        if let named = ProcessInfo.processInfo.environment["MYELIN_OBJECTS"] { return named }
        let directory = FileManager.default.currentDirectoryPath + "/bpf/build"
        shell("make -s -C '\(FileManager.default.currentDirectoryPath)/bpf'")
        return directory
    }

    /// Detaches programs, to see what stands behind them.
    func detach(_ hooks: String...) {
        for hook in hooks { unlink("\(pins)/v2/links/\(hook)") }
    }

    // MARK: Observation

    /// The events so far, oldest first.
    func events() -> [KernelEvent] {
        var found: [KernelEvent] = []
        _ = capture.pollEvents(timeout: 0) { found.append($0) }
        return found
    }

    /// The reasons of the refusals so far.
    func reasons() -> [DenialReason] { events().filter { $0.reason != .none }.map(\.reason) }
}
