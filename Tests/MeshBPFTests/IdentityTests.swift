import MeshBPF
import MeshTypes
import Testing

extension KernelTests {
    @Suite struct KernelIdentity {
        @Test func belongsToTheDeepestKnownCgroup() throws {
            let arena = Arena("deep")
            try arena.serve(.proxy)
            #expect(try arena.python("a/deep/deeper", "print(call('240.64.0.5', 80))", space: "a").contains("service 11"))
            try arena.capture.setWorkload(
                cgroup: arena.cgroupID("a/deep"),
                WorkloadEntry(workload: WorkloadID(rawValue: 9), service: ServiceID(rawValue: 99), namespace: Arena.indexA))
            #expect(try arena.python("a/deep/deeper", "print(call('240.64.0.5', 80))", space: "a") == "EPERM")
            #expect(try arena.python("a", "print(call('240.64.0.5', 80))").contains("service 11"))
        }

        @Test func refusesStrangersOrPassesThem() throws {
            let arena = Arena("who")
            try arena.serve(.proxy)
            try arena.startServer(nil, port: 7000, space: "out")
            let call = "print(call('10.77.0.9', 7000))"
            #expect(try arena.python("stranger", call, space: "a") == "EPERM")
            #expect(arena.reasons() == [.unknownWorkload])
            #expect(try arena.python("exempt", call, space: "a").hasPrefix("peer"))
            let other = Arena("pass")
            try other.attach(unknown: .pass)
            try other.serve(.proxy)
            try other.startServer(nil, port: 7000, space: "out")
            #expect(try other.python("stranger", call, space: "a").hasPrefix("peer"))
        }

        /// A socket that a workload made stays the workload's in the hands of someone who is exempt, and the other way round.
        @Test func cannotBeShedByPassingSockets() throws {
            let arena = Arena("shed")
            try arena.serve(.proxy)
            let groups = "a, e = '\(arena.root)/a', '\(arena.root)/exempt'\n"
            let source = """
                def move(group): open(group + '/cgroup.procs', 'w').write(str(os.getpid()))
                def dial(first, then):
                    move(first); s = socket.socket(); move(then)
                    try: s.connect(('10.77.0.9', 7000)); return 'out'
                    except OSError as x: return errno.errorcode[x.errno]
                print(dial(a, e), dial(e, a), dial(e, e))
                """
            try arena.startServer(nil, port: 7000, space: "out")
            #expect(try arena.python("a", groups + source) == "EPERM EPERM out")
        }
    }
}
