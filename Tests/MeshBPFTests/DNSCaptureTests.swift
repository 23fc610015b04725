import Foundation
import MeshBPF
import MeshSystem
import MeshTypes
import Testing

private let asking = """
    def ask(family, server, connect=False, s=None):
        s = s or socket.socket(family, socket.SOCK_DGRAM); s.settimeout(2)
        try:
            if connect: s.connect((server, 53)); s.send(b'q'); text, peer = s.recv(100), s.getpeername()
            else: s.sendto(b'q', (server, 53)); text, peer = s.recvfrom(100)
            return text.decode() + ' from ' + peer[0] + ' ' + str(peer[1])
        except TimeoutError: return 'timeout'
        except OSError as e: return errno.errorcode[e.errno]
    """

extension KernelTests {
    @Suite struct DNSCapture {
        @Test func redirectsQueriesToSlotsThatNameAskerAndServer() throws {
            let arena = Arena("dns")
            try arena.serve(.proxy)
            let text = try arena.python(
                "a",
                asking + """

                    for connect in (False, True):
                        print(ask(socket.AF_INET, '10.0.0.2', connect)); print(ask(socket.AF_INET6, 'fd00::2', connect))
                        print(ask(socket.AF_INET6, '::ffff:10.0.0.2', connect))
                    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    print(ask(0, '10.0.0.2', s=s)); print(ask(0, '10.0.0.3', s=s)); print(ask(0, '10.0.0.2', s=s))
                    """)
            let lines = text.split(separator: "\n").map(String.init)
            try #require(lines.count == 9, "\(text)")
            let servers = ["10.0.0.2", "fd00::2", "::ffff:10.0.0.2"] + ["10.0.0.2", "fd00::2", "::ffff:10.0.0.2"]
            for (line, server) in zip(lines, servers + ["10.0.0.2", "10.0.0.3", "10.0.0.2"]) {
                #expect(line.hasSuffix(" from \(server) 53"))
                let slot = try #require(line.split(separator: " ").dropFirst().first.flatMap { UInt32($0) }, "\(line)")
                let named = try #require(arena.capture.dnsSlot(slot))
                #expect(named.server == SocketAddress(ip: IPAddress(server)!, port: 53))
                #expect(named.service == Arena.serviceA && named.namespace == Arena.indexA)
            }
            #expect(arena.capture.statistics().dnsSlots == 3)
            try arena.capture.removeWorkload(cgroup: arena.cgroupID("a"))
            #expect(arena.capture.statistics().dnsSlots == 0)
        }

        @Test func boundsTheServersThatAWorkloadMayName() throws {
            let arena = Arena("dnsb")
            try arena.serve(.proxy)
            let text = try arena.python(
                "a",
                """
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); sent = 0
                for i in range(100):
                    try: s.sendto(b'q', ('10.1.0.%d' % i, 53)); sent += 1
                    except OSError as e: last = errno.errorcode[e.errno]
                print(sent, last)
                """)
            #expect(text == "64 EPERM")
            #expect(arena.reasons() == Array(repeating: .tableFull, count: 36))
            #expect(
                try arena.python("b", "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'q', ('10.1.0.1', 53)); print('sent')")
                    == "sent")
        }

        @Test func refusesQueriesWhileNobodyAnswers() throws {
            let arena = Arena("dnsd")
            try arena.serve(.proxy)
            arena.killDaemon()
            let three = "ask(socket.AF_INET, '10.0.0.2'), ask(socket.AF_INET6, 'fd00::2'), ask(socket.AF_INET, '10.0.0.2', True)"
            let text = try arena.python("a", asking + "\nprint(\(three))")
            #expect(text == "ECONNREFUSED ECONNREFUSED ECONNREFUSED")
        }

        /// Somebody who sat down on a slot before the doors were there gets nothing, and cannot answer.
        @Test func queriesReachTheResolverAndNobodyElse() throws {
            let arena = Arena("dnsq")
            try arena.serve(.proxy)
            arena.detach("door_bind4", "door_bind6")
            let squatter = try arena.start(
                nil,
                """
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.setsockopt(1, 2, 1); s.settimeout(2)
                try: s.bind(('127.1.0.0', 15053))
                except OSError as e: print(e)
                print('ready')
                try: data, peer = s.recvfrom(100); print('received')
                except TimeoutError: print('nothing')
                """, space: "a")
            let ready = squatter.line()
            #expect(ready == "ready")
            #expect(try arena.python("a", asking + "\nprint(ask(socket.AF_INET, '10.0.0.2'))").hasPrefix("slot 65536 from 10.0.0.2"))
            #expect(squatter.line() == "nothing")
            arena.killDaemon()
        }

        @Test func sendsDNSOverTCPToTheDaemon() throws {
            let arena = Arena("dnst")
            try arena.serve(.proxy)
            #expect(try arena.python("a", "print(call('10.0.0.2', 53))").hasPrefix("captured 10.0.0.2:53 service 11"))
        }

        /// Nobody outside asks the resolver, and nobody outside answers in its name.
        @Test func keepsSlotsToTheNamespace() throws {
            let arena = Arena("dnso")
            try arena.serve(.proxy)
            #expect(try arena.python("a", asking + "\nprint(ask(socket.AF_INET6, 'fd00::2'))").hasPrefix("slot 65536"))
            shell("ip -n \(arena.name)-out -6 route add fd6d:7965:6c69:1::/96 via fd77::2")
            let outside = """
                def poke(family, host):
                    s = socket.socket(family, socket.SOCK_DGRAM); s.settimeout(0.5); s.connect((host, 15053)); s.send(b'q')
                    try: return s.recv(100).decode()
                    except TimeoutError: return 'nothing'
                    except OSError as e: return errno.errorcode[e.errno]
                print(poke(socket.AF_INET, '10.77.0.2'), poke(socket.AF_INET6, 'fd77::2'), poke(socket.AF_INET6, 'fd6d:7965:6c69:1::1:0'))
                """
            let answers = try arena.python(nil, outside, space: "out").split(separator: " ")
            #expect(answers.count == 3 && answers.allSatisfy { $0 == "nothing" || $0 == "ECONNREFUSED" }, "\(answers)")
            let victim = try arena.start(
                "a",
                """
                s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(('::', 4444)); s.settimeout(1); print('ready')
                try: print('spoofed', s.recvfrom(100))
                except TimeoutError: print('nothing')
                """)
            #expect(victim.line() == "ready")
            shell("ip -n \(arena.name)-out -6 addr add fd6d:7965:6c69:1::1:0/128 dev eth0 nodad")
            _ = try arena.python(
                nil,
                """
                s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(('fd6d:7965:6c69:1::1:0', 15053))
                s.sendto(b'lie', ('fd77::2', 4444))
                """, space: "out")
            #expect(victim.line() == "nothing")
        }
    }
}
