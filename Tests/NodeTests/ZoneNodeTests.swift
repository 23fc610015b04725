import Foundation
import MeshLab
import Testing

/// A zone that is half dead, cut off in one direction, flapping, gone and back, while callers in another one go on (R4.2, R9.3).
@Suite(.serialized) final class ZoneNodeTests {
    private let lab: Lab
    private let caller: Workload
    private let rate = 100.0

    /// `both` is in both zones, `remote` only in the other one, on two nodes of it.
    init() throws {
        var nodes = Topology.twoNodes + [Topology.Node(name: "node-3", zone: "zone-b", region: "region")]
        for index in nodes.indices { nodes[index].extraConfiguration = "" }
        // A call that got lost on the way is noticed after 300 ms, and made again.
        let policy = "allow: []\ntimeouts: {request: 3s, try: 300ms}\n"
        let places: [Topology.Instance] = [.pod("node-1"), .pod("node-2"), .pod("node-3")]
        var services = [
            Topology.Service("caller", port: 7009, program: .idle, on: [places[0]], policy: "allow: [both, remote]\n"),
            Topology.Service("both", port: 8080, program: .steerable, on: places, policy: policy),
            Topology.Service("remote", port: 8081, program: .steerable, on: Array(places.dropFirst()), policy: policy),
        ]
        for index in services.indices.dropFirst() { services[index].applicationProtocol = "http" }
        lab = try Lab.raise(Topology(nodes: nodes, services: services), name: "zones")
        caller = lab.workload("caller")
        try lab.startDaemons()
    }

    deinit { try? lab.lower() }

    private func load(_ target: String, seconds: Double) -> RequestLoad {
        var load = RequestLoad(target, rate: rate, count: Int(rate * seconds))
        load.connections = 32
        return load
    }

    private func pause(_ seconds: Double) { usleep(UInt32(seconds * 1_000_000)) }

    /// What node-2 sends to the caller's node is lost; what comes from there arrives.
    private func setAnswers(ofNode2 arrive: Bool) throws {
        let change = arrive ? "del" : "add"
        for (address, family) in [(lab.nodes[0].ipv4 + "/32", "-4"), (lab.nodes[0].ipv6 + "/128", "-6")] {
            let result = try lab.runOnNode(lab.node("node-2"), ["ip", family, "route", change, "blackhole", address])
            #expect(result.succeeded, "\(result)")
        }
    }

    @Test func aNodeWhoseAnswersAreLostFailsNobodyAndComesBack() throws {
        let running = try lab.start(load("remote:8081", seconds: 6), from: caller)
        pause(1)
        try setAnswers(ofNode2: false)
        pause(3)
        try setAnswers(ofNode2: true)
        let report = try running.finish()
        print("one direction cut for 3 s: \(report)")
        #expect(report.succeeded == report.requests, "\(report)")
        #expect(report.instances["remote-1", default: 0] > report.instances["remote-0", default: 0], "\(report)")
        let deadline = ContinuousClock.now + .seconds(20)
        var back = 0
        while back == 0, ContinuousClock.now < deadline {
            back = try lab.send(load("remote:8081", seconds: 0.5), from: caller).instances["remote-0", default: 0]
        }
        #expect(back > 0, "the node takes calls again")
    }

    @Test func aZoneThatFlapsFailsNobody() throws {
        let running = try lab.start(load("both:8080", seconds: 7), from: caller)
        // Callers of `both` stay in their zone until its instance stops: then all depends on the flapping one.
        pause(0.5)
        for round in 0..<4 {
            for node in ["node-2", "node-3"] { try lab.setLink(of: lab.node(node), isUp: false) }
            pause(0.4)
            for node in ["node-2", "node-3"] { try lab.setLink(of: lab.node(node), isUp: true) }
            if round == 1 { try lab.stopService(lab.workload("both", on: "node-2")) }
            pause(0.8)
        }
        let report = try running.finish()
        print("four times down and up: \(report)")
        #expect(report.succeeded == report.requests, "\(report)")
    }

    /// A zone of which half is dead, then all, then all is back.
    @Test func aZoneThatReturnsIsNotOverrun() throws {
        let own = lab.workload("both", on: "node-1")
        #expect(try lab.send(load("both:8080", seconds: 1), from: caller).instances == ["both-0": Int(rate)], "the own zone is nearest")
        try lab.stopService(own)
        let away = try lab.send(load("both:8080", seconds: 1), from: caller)
        #expect(away.succeeded == away.requests && away.instances.count == 2, "the other zone takes over: \(away)")
        try lab.stopService(lab.workload("both", on: "node-2"))
        let half = try lab.send(load("both:8080", seconds: 2), from: caller)
        #expect(half.succeeded == half.requests && half.instances == ["both-2": half.requests], "half of the other zone is dead: \(half)")
        try lab.startService(own)
        try lab.awaitService(own, timeout: .seconds(10))
        // The breaker tries it, and from then on it comes to its share over ten seconds.
        var seconds: [Int] = []
        for _ in 0..<16 {
            let report = try lab.send(load("both:8080", seconds: 1), from: caller)
            #expect(report.succeeded == report.requests, "\(report)")
            seconds.append(report.instances["both-0", default: 0])
        }
        print("calls of \(Int(rate)) a second that the returned zone takes: \(seconds)")
        let first = try #require(seconds.first { $0 > 0 })
        #expect(first < Int(rate) / 2, "all at once would be a herd: \(seconds)")
        #expect(seconds.last == Int(rate), "in the end it takes all: \(seconds)")
    }
}
