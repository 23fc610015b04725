import Foundation
import MeshBPF
import MeshTypes
import Testing

/// Fills a map to the brim with keys that no connection has.
private func fill(_ name: String, of arena: Arena, key: Int, value: Int) throws {
    let text = try Program(
        python: """
            import ctypes, struct
            lib = ctypes.CDLL('libbpf.so.1'); fd = lib.bpf_obj_get(b'\(arena.pins)/v1/maps/\(name)'); number = 0
            while lib.bpf_map_update_elem(fd, struct.pack('<Q', number + 1) + bytes(\(key - 8)), bytes(\(value)), ctypes.c_ulonglong(0)) == 0:
                number += 1
            print(number)
            """, cgroup: nil, namespace: nil
    ).finish()
    #expect(text == "131072")
}

extension KernelTests {
    @Suite struct FullTable {
        @Test func refusesDirectFlowsAndSaysSo() throws {
            let arena = Arena("fdir")
            try arena.serve(.direct)
            try arena.startServer()
            try fill("flows", of: arena, key: 48, value: 16)
            #expect(try arena.python("a", "print(call('240.64.0.5', 80))") == "ECONNREFUSED")
            #expect(arena.reasons() == [.tableFull, .plaintext])
            #expect(arena.capture.statistics().tableFull == 1)
        }

        @Test func leavesCapturedConnectionsWithoutARecordAndSaysSo() throws {
            let arena = Arena("fpen")
            try arena.serve(.proxy)
            try fill("pending", of: arena, key: 32, value: 48)
            #expect(try !arena.python("a", "print(call('240.64.0.5', 80))").contains("captured"))
            #expect(arena.daemons.flatMap(\.origins).map { $0 == nil } == [true])
            #expect(arena.reasons() == [.tableFull])
        }

        @Test func resetsDeliveries() throws {
            let arena = Arena("fdel")
            try arena.serve(.proxy)
            try arena.startServer()
            try fill("deliveries", of: arena, key: 48, value: 16)
            #expect(throws: (any Error).self) {
                try arena.asDaemon { try arena.inside("b") { try TestClient.ask(SocketAddress("10.77.0.3:80")!) } }
            }
            #expect(arena.capture.statistics().tableFull == 1)
        }
    }
}
