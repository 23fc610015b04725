import MeshTypes
import Testing

@testable import MeshBPF

/// All tests of the kernel programs: one at a time, since each moves this process through cgroups.
@Suite(.serialized, .enabled(if: Arena.isPossible, "needs root and cgroup v2"))
enum KernelTests {}

extension KernelTests {
    @Suite struct OutboundCapture {
        @Test func sendsTCPToTheDaemonWithDestinationAndIdentity() throws {
            let arena = Arena("out")
            try arena.serve(.proxy)
            let v4 = try arena.python("a", "print(call('240.64.0.5', 80))")
            #expect(v4 == "captured 240.64.0.5:80 service 11 hello from 240.64.0.5 to 10.77.0.2")
            let v6 = try arena.python("a", "print(call('fd6d:7965:6c69::5', 80, socket.AF_INET6))")
            #expect(v6 == "captured [fd6d:7965:6c69::5]:80 service 11 hello from fd6d:7965:6c69::5 to fd77::2")
            let mapped = try arena.python("a", "print(call('::ffff:240.64.0.5', 80, socket.AF_INET6))")
            #expect(mapped == "captured 240.64.0.5:80 service 11 hello from ::ffff:240.64.0.5 to ::ffff:10.77.0.2")
            #expect(arena.capture.statistics().pending == 0)
        }
    }
}
