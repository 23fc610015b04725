import Foundation
import MeshLab
import Testing

/// A workload whose record has no `netns:` shows by its process where it is; one that nobody privileged made does not count.
@Suite(.serialized) final class ChosenNamespaceNodeTests {
    private let lab: Lab

    /// `honest` runs in the namespace that the laboratory made for it; `hidden`, as nobody, in one that it made for itself.
    init() throws {
        let hiding = [
            "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--",
            "unshare", "--user", "--map-root-user", "--net", "sleep", "infinity",
        ]
        let node = Topology.Node(name: "node-1", zone: "zone-a", region: "region")
        let services = [
            Topology.Service("honest", port: 8081, program: .python, on: [.pod("node-1")], policy: "allow: []\n"),
            Topology.Service("hidden", port: 8082, program: .idle, on: [.pod("node-1")], policy: "allow: [honest]\n"),
        ]
        lab = try Lab.raise(Topology(nodes: [node], services: services), name: "chosen")
        let hidden = lab.workload("hidden")
        try lab.stopService(hidden)
        _ = try lab.spawn(in: hidden, hiding)
        let file = lab.nodes[0].registryDirectory + "/lab.yaml"
        let text = try String(contentsOfFile: file, encoding: .utf8)
        try lab.write(registryText: text.replacing(try Regex(", netns: /run/netns/[^}]*"), with: ""), on: lab.nodes[0])
        try lab.startDaemon(lab.nodes[0])
    }

    deinit { try? lab.lower() }

    private func row(_ service: String) throws -> Substring? {
        try lab.control(lab.nodes[0], ["workloads"]).output.split(separator: "\n").first { $0.contains("/\(service) ") }
    }

    @Test func aNamespaceOfItsOwnMakingIsNoPlaceToBeCapturedIn() throws {
        #expect(try eventually { try row("honest")?.contains("captured") == true }, "\(lab.daemonLogTail(lab.nodes[0]))")
        let hidden = try #require(try row("hidden"))
        #expect(hidden.contains("waiting") && hidden.contains("belongs to a user namespace of its own"), "\(hidden)")
        // Nothing of it goes out meanwhile, not even from where it really is.
        let address = lab.workload("honest").ipv4
        let asked = try lab.attack(
            from: .workload(lab.workload("hidden")), ["curl", "-sS", "--noproxy", "*", "--max-time", "3", "http://\(address):8081/"])
        #expect(!asked.succeeded, "\(asked)")
    }

    /// Once it is where it was put, it is captured there.
    @Test func whoComesBackIsCaptured() throws {
        let workload = lab.workload("hidden")
        try lab.stopService(workload)
        try lab.startService(workload)
        #expect(try eventually(20) { try row("hidden")?.contains("captured") == true })
        #expect(try eventually { try lab.curl(from: workload, "http://honest:8081/").succeeded })
    }
}
