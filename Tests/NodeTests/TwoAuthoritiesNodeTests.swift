import Foundation
import MeshLab
import Testing

/// Two nodes carry an authority each, with intermediates of one root; the third may ask either (docs/identity.md).
@Suite(.serialized) final class TwoAuthoritiesNodeTests {
    private let lab: Lab
    private let directory = "/tmp/myelin-root-\(UUID().uuidString.prefix(8))"

    init() throws {
        try Self.makeIntermediates(directory)
        let nodes = (1...3).map { Topology.Node(name: "node-\($0)", zone: "zone-\($0)", region: "region") }
        let load = Binaries.load
        var topology = Topology(
            nodes: nodes,
            services: [
                Topology.Service(
                    "echo", port: 7003, program: .command([load, "echo", "--listen", "[::]:7003"]), on: [.pod("node-2")], policy: nil),
                Topology.Service(
                    "echo3", port: 7004, program: .command([load, "echo", "--listen", "[::]:7004"]), on: [.pod("node-3")], policy: nil),
                Topology.Service("caller", port: 7009, program: .idle, on: [.pod("node-1")], policy: "allow: [echo, echo3]\n"),
                Topology.Service("caller3", port: 7010, program: .idle, on: [.pod("node-3")], policy: "allow: [echo]\n"),
            ])
        topology.authority.isServed = true
        topology.authority.intermediates = [directory + "/a", directory + "/b"]
        lab = try Lab.raise(topology, name: "twoca")
        try lab.startDaemons()
    }

    deinit {
        try? lab.lower()
        try? FileManager.default.removeItem(atPath: directory)
    }

    private static func makeIntermediates(_ directory: String) throws {
        let script = """
            mkdir -p \(directory) && cd \(directory)
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout root.key -out root.pem -days 400 \
              -subj "/CN=Mesh root" -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
            cat >mesh.ext <<END
            basicConstraints = critical, CA:TRUE, pathlen:0
            keyUsage = critical, keyCertSign, cRLSign
            nameConstraints = critical, permitted;URI:daarion.city
            subjectKeyIdentifier = hash
            authorityKeyIdentifier = keyid
            END
            for name in a b; do
              mkdir $name
              openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $name/key.pem \
                -subj "/CN=Mesh authority $name" -out $name/csr.pem
              openssl x509 -req -in $name/csr.pem -CA root.pem -CAkey root.key -CAcreateserial -days 365 -extfile mesh.ext -out $name/chain.pem
              cp root.pem $name/roots.pem
              chmod 600 $name/key.pem
            done
            """
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-e", "-c", script]
        process.standardError = Pipe()
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
    }

    /// One byte there and back.
    private func answers(_ from: String, _ to: String) throws -> Bool {
        let callee = lab.workload(to)
        let program = """
            import socket
            s = socket.create_connection(('\(callee.ipv4)', \(callee.port)), 5); s.settimeout(5)
            s.sendall(b'x'); assert s.recv(1) == b'x'
            """
        return try lab.run(in: lab.workload(from), ["/usr/bin/python3", "-c", program]).succeeded
    }

    @Test func eitherIsEnoughAndWhatOneRevokesBothRefuse() throws {
        let (a, b, third) = (lab.nodes[0], lab.nodes[1], lab.nodes[2])
        #expect(try answers("caller", "echo") && answers("caller", "echo3") && answers("caller3", "echo"), "across both authorities")
        for node in [a, b] {
            #expect(try eventually(20) { try lab.control(node, ["check"]).output.contains("this node carries it until") })
        }
        #expect(try lab.control(third, ["check"]).output.contains("answers at \(a.ipv4):15012"))

        // The one that made the token dies; the other renews.
        try lab.signalDaemon(a, SIGTERM)
        #expect(try eventually(40) { try lab.control(third, ["check"]).output.contains("answers at \(b.ipv4):15012") })
        #expect(try eventually(20) { try lab.control(b, ["check"]).output.contains("what another one revokes is not known here") })
        let serials = try #require(try lab.certificates(third))
        for serial in serials { #expect(try lab.authority(["revoke", "--serial", serial], on: b).succeeded) }
        #expect(
            try eventually(40) { try lab.certificates(third).map { $0.isDisjoint(with: serials) } == true },
            "certificates of the one that is dead are revoked at the other, which gives new ones")
        #expect(try eventually(20) { try answers("caller3", "echo") })

        // It comes back and takes what was revoked meanwhile.
        try lab.startDaemon(a)
        try lab.awaitReady(a)
        #expect(
            try eventually(40) {
                let status = try lab.authority(["status"], on: a).output
                return serials.allSatisfy { status.contains("\($0)  by the authority at \(b.ipv4):15012") }
            })
        #expect(try eventually(20) { try answers("caller", "echo3") })

        // A node that one revokes is refused by the other's nodes.
        let order = try lab.authority(["revoke", "--node", "node-3", "--reason", "key_compromise"], on: b)
        #expect(order.succeeded, "\(order)")
        #expect(try eventually(20) { try !answers("caller", "echo3") })
        #expect(try !answers("caller3", "echo"))
        #expect(try answers("caller", "echo"), "the others go on")
        #expect(try eventually(20) { try !lab.authority(["token", "--node", "node-3"], on: a).succeeded })
        #expect(try lab.authority(["restore", "--node", "node-3"], on: a).output.contains("still revoked by the one at \(b.ipv4):15012"))
    }
}
