import Foundation
import MeshBPF
import MeshTypes
import Testing

/// Fills a map to the brim with keys that no connection has.
private func fill(_ name: String, of arena: Arena, key: Int, value: Int) throws {
    let text = try Program(
        python: """
            import ctypes, struct
            lib = ctypes.CDLL('libbpf.so.1'); fd = lib.bpf_obj_get(b'\(arena.pins)/v2/maps/\(name)'); number = 0
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

        @Test func resetsCapturedConnectionsWithoutARecordAndSaysSo() throws {
            let arena = Arena("fpen")
            try arena.serve(.proxy)
            try fill("pending", of: arena, key: 48, value: 56)
            #expect(try arena.python("a", "print(call('240.64.0.5', 80))") == "ECONNREFUSED")
            #expect(arena.daemons.flatMap(\.origins).isEmpty, "the daemon never sees it")
            #expect(arena.reasons() == [.tableFull])
        }

        /// One workload that takes everything leaves to the others what they are sure of.
        @Test func keepsAShareForEachWorkload() throws {
            let arena = Arena("shar")
            try arena.serve(.proxy)
            let one = WorkloadID(rawValue: 1)
            #expect(try arena.python("a", "print(call('240.64.0.5', 80))").hasPrefix("captured"))
            #expect(arena.capture.usage(of: one) == WorkloadShare(entries: 0, guaranteed: 131072 / 2 / 3, refused: 0))
            // As if it had taken its own share and what all have in common.
            func write(_ map: String, _ value: String) throws {
                let text = try Program(
                    python: """
                        import ctypes, struct
                        lib = ctypes.CDLL('libbpf.so.1'); fd = lib.bpf_obj_get(b'\(arena.pins)/v2/maps/\(map)')
                        print(lib.bpf_map_update_elem(fd, struct.pack('<I', \(map == "usage" ? 1 : 0)), \(value), ctypes.c_ulonglong(0)))
                        """, cgroup: nil, namespace: nil
                ).finish()
                #expect(text == "0")
            }
            try write("usage", "struct.pack('<IIQ', 21845, 0, 0)")
            try write("common_entries", "struct.pack('<I', 65537)")
            #expect(try arena.python("a", "print(call('240.64.0.5', 80))") == "ECONNREFUSED")
            #expect(arena.capture.usage(of: one).refused == 1)
            #expect(arena.reasons().last == .tableFull)
            #expect(try arena.python("node", "print(call('127.0.0.1', 8080))", space: "node").hasPrefix("captured"))
            try write("common_entries", "struct.pack('<I', 65536)")
            #expect(try arena.python("a", "print(call('240.64.0.5', 80))").hasPrefix("captured"), "the last place in common")
            #expect(try arena.python("a", "print(call('240.64.0.5', 80))").hasPrefix("captured"), "which it gave back")
            #expect(arena.capture.usage(of: one).entries == 21845)
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
