import Foundation
import MeshAdmin
import MeshLab
import Testing

/// R1.4: workloads of a node fetch SVIDs of their own, by their cgroups; Envoy uses one to call into the mesh.
@Suite(.serialized) final class WorkloadAPINodeTests {
    private static let name = "svids"
    private static let socket = "/run/myelin-lab/\(name)/node-2/api/workload.sock"

    private let lab: Lab
    private let files: URL
    private var node: LabNode { lab.nodes[1] }

    init() throws {
        try #require(PythonPeers.isThere, "run scripts/peers.sh .build/peers")
        var topology = Topology(
            nodes: Topology.twoNodes,
            services: [
                Topology.Service("peer", port: 7009, program: .idle, on: [.pod("node-2"), .pod("node-2")], policy: "allow: [hash]\n"),
                Topology.Service("stranger", port: 7010, program: .idle, on: [.pod("node-2")], policy: "allow: []\n"),
                Topology.Service(
                    "hash", port: 7001, program: .command([Binaries.load, "hash-serve", "--listen", "[::]:7001"]), on: [.pod("node-1")],
                    policy: nil),
            ])
        topology.nodes[1].extraConfiguration = "spiffe: {workload_api: {socket: \(Self.socket)}}"
        lab = try Lab.raise(topology, name: Self.name)
        files = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent("myelin-svids-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: files, withIntermediateDirectories: true)
        try lab.startDaemons()
    }

    deinit {
        try? lab.lower()
        try? FileManager.default.removeItem(at: files)
    }

    private func client(_ what: String, _ more: String...) -> [String] {
        [PythonPeers.python, PythonPeers.program("spiffe_client"), what, Self.socket] + more
    }

    private func spiffe(_ service: String) -> String { "spiffe://\(lab.plan.topology.trustDomain)/ns/default/sa/\(service)" }

    /// Has a workload fetch its SVID into files of its own.
    private func fetch(_ workload: Workload) throws -> EnvoyConfiguration.Credential {
        let directory = files.appendingPathComponent(workload.name).path
        let result = try lab.run(in: workload, client("fetch", directory))
        #expect(result.succeeded && result.output.contains(spiffe(workload.service) + "\n"), "\(result)")
        return .init(certificate: directory + "/svid.pem", key: directory + "/key.pem", authority: directory + "/bundle.pem")
    }

    @Test func eachWorkloadGetsItsOwnAndAStrangerNone() throws {
        let credentials = try [lab.workload("peer", 0), lab.workload("peer", 1), lab.workload("stranger")].map(fetch)
        #expect(Set(try credentials.map { try String(contentsOfFile: $0.key, encoding: .utf8) }).count == 3, "each has a key of its own")
        for credential in credentials {
            let verdict = try EnvoyProcess.command([
                "openssl", "verify", "-x509_strict", "-CAfile", credential.authority, credential.certificate,
            ])
            #expect(verdict.contains("OK"))
        }
        for outsider in [Lab.Outsider.unknown, .unmeshed] {
            let result = try lab.runOutside(node, as: outsider, client("refused"))
            #expect(result.output.contains("PERMISSION_DENIED"), "\(result)")
        }
        // A container's cgroup below the workload's is the workload still.
        let below = lab.workload("peer", 0).cgroup + "/container"
        try FileManager.default.createDirectory(atPath: below, withIntermediateDirectories: false)
        let inside = ["sh", "-c", "echo 0 > \(below)/cgroup.procs && exec \"$@\"", "sh"]
        #expect(try EnvoyProcess.command(inside + client("refused")) == "OK\n")

        let certificates = try lab.control(node, ["certificates", "--output", "json"]).output
        let views = try AdminJSONReader.decode([CertificateView].self, from: certificates)
        let held = views.filter { $0.workload != nil }
        #expect(held.count == 3 && held.allSatisfy { $0.state == "valid" && $0.serial?.isEmpty == false }, "\(certificates)")
        let metrics = try lab.metrics(node)
        #expect(metrics.contains("myelin_workload_api_calls_total{method=\"FetchX509SVID\",code=\"PERMISSION_DENIED\"} 2"))
        #expect(metrics.contains("myelin_workload_api_svids 3"))
        #expect(lab.daemonLogTail(node).contains("workload API: caller refused"))
        let check = try lab.control(node, ["check"]).output
        #expect(check.contains("workloads get their SVIDs at \(Self.socket)"), "\(check)")
    }

    /// Neither root nor gRPC's own code: the socket is open to everybody, and the kernel says who it is.
    @Test func anUnprivilegedProcessWithCurlIsServedAsWell() throws {
        let request = files.appendingPathComponent("empty").path
        try Data([0, 0, 0, 0, 0]).write(to: URL(fileURLWithPath: request))
        chmod(files.path, 0o755)
        let result = try lab.run(
            in: lab.workload("peer"),
            [
                "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "curl", "-sS", "--unix-socket", Self.socket,
                "--http2-prior-knowledge", "-m", "2", "-H", "content-type: application/grpc", "-H", "te: trailers", "-H",
                "workload.spiffe.io: true", "--data-binary", "@" + request, "-o", "-", "http://localhost/SpiffeWorkloadAPI/FetchX509SVID",
            ])
        // The stream stays open, so curl ends by its clock, with a message.
        #expect(result.output.contains(spiffe("peer")), "\(result)")
    }

    @Test func envoyCallsAsTheWorkloadAsFarAsPolicyPermits() throws {
        let permitted = try transfer(as: lab.workload("peer"), port: 15281)
        #expect(permitted.succeeded, "\(permitted)")
        let line = try awaitLine { $0.contains(spiffe("peer")) && $0.contains("\"reporter\":\"destination\"") }
        #expect(line?.contains("\"identity_verified\":true") == true, "\(line ?? "no line")")
        let refused = try transfer(as: lab.workload("stranger"), port: 15282)
        #expect(!refused.succeeded)
        let denial = try awaitLine { $0.contains(spiffe("stranger")) }
        #expect(denial?.contains("\"reason\":\"not_allowed\"") == true, "\(denial ?? "no line")")
    }

    @Test func aWorkloadThatLeavesTheRegistryLosesItsStream() throws {
        let peer = lab.workload("peer")
        let watch = try lab.spawn(in: peer, client("watch", "2"))
        defer { watch.process.signal(SIGKILL) }
        let output = { (try? String(contentsOfFile: watch.output, encoding: .utf8)) ?? "" }
        for _ in 0..<200 where output().isEmpty { usleep(50_000) }
        #expect(!output().isEmpty)
        try lab.write(registry: lab.workloads.filter { $0 != peer }, on: node)
        var metrics = ""
        for _ in 0..<200 {
            metrics = try lab.metrics(node)
            if metrics.contains("code=\"PERMISSION_DENIED\"") { break }
            usleep(50_000)
        }
        #expect(metrics.contains("code=\"PERMISSION_DENIED\"") && metrics.contains("myelin_workload_api_svids 0"))
    }

    /// Envoy in a pod that is no workload dials node-1's tunnel with the SVID that a workload fetched.
    private func transfer(as workload: Workload, port: Int) throws -> CommandResult {
        let hash = lab.workload("hash")
        let client = EnvoyConfiguration.client(
            .init(
                credential: try fetch(workload), listen: .init(host: "127.0.0.1", port: port),
                node: .init(host: lab.nodes[0].ipv4, port: 15008), endpoint: .init(host: hash.ipv4, port: Int(hash.port)),
                serverName: "hash.default.svc", expected: spiffe("hash")))
        let envoy = try EnvoyProcess(client, namespace: "/run/netns/\(node.namespace)-outside", listening: port, directory: files)
        defer { envoy.end() }
        return try lab.runOutside(
            node, [Binaries.load, "send", "--connect", "127.0.0.1:\(port)", "--bytes", "1048576", "--timeout", "5"])
    }

    private func awaitLine(_ isIt: (String) -> Bool) throws -> String? {
        for _ in 0..<50 {
            if let line = lab.accessLog(lab.nodes[0]).last(where: isIt) { return line }
            usleep(100_000)
        }
        return nil
    }
}

/// Reads what `myelinctl --output json` prints.
enum AdminJSONReader {
    static func decode<View: Decodable>(_: View.Type, from text: String) throws -> View {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(View.self, from: Data(text.utf8))
    }
}
