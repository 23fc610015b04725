import Foundation
import MeshLab
import Testing

/// Requests under load while instances are killed and the daemon of the node that they run on is restarted (R5.2).
///
/// The whole form is a minute at 1,000 requests a second: `MYELIN_FULL_LOAD=1`. Without it 20 s at 500.
@Suite(.serialized) final class HTTPFaultNodeTests {
    private let lab: Lab
    private let caller: Workload
    private static let isFull = ProcessInfo.processInfo.environment["MYELIN_FULL_LOAD"] == "1"
    private static let seconds = isFull ? 60 : 20
    private static let rate = isFull ? 1000 : 500
    private static let payments = isFull ? 200 : 100
    /// An instance of each service is killed so often, and is dead for so long.
    private static let killEvery = Duration.seconds(5)
    private static let deadFor = Duration.seconds(1)

    init() throws {
        let (one, two) = (Topology.Instance.pod("node-1"), Topology.Instance.pod("node-2"))
        var services = [
            Topology.Service("caller", port: 7009, program: .idle, on: [one], policy: "allow: [quote, wallet]\n"),
            Topology.Service("quote", port: 8080, program: .steerable, on: [one, one, two, two], policy: "allow: []\n"),
            // All payments cross the tunnel that is restarted, and as many as can be: the breaker is slow to hold them back.
            Topology.Service(
                "wallet", port: 8081, program: .steerable, on: [two, two],
                policy: "allow: []\ntimeouts: {request: 1s}\nretries: {enabled: false}\ncircuit_breaker: low\n"),
        ]
        for index in services.indices.dropFirst() { services[index].applicationProtocol = "http" }
        lab = try Lab.raise(Topology(nodes: Topology.twoNodes, services: services), name: "httpfault")
        caller = lab.workload("caller")
        try lab.startDaemons()
    }

    deinit { try? lab.lower() }

    @Test func everyReadSucceedsAndNoPaymentArrivesTwice() throws {
        for workload in lab.workloads where workload.service != "caller" { try lab.steer(workload, "delay=2ms") }
        var reads = RequestLoad("quote:8080", rate: Double(Self.rate), count: Self.rate * Self.seconds)
        reads.connections = 32
        var payments = RequestLoad("wallet:8081", rate: Double(Self.payments), count: Self.payments * Self.seconds)
        (payments.method, payments.hasIDs) = ("POST", true)
        payments.path = "/internal/v1/wallet/payout/claim"
        let (reading, paying) = (try lab.start(reads, from: caller), try lab.start(payments, from: caller))
        let (kills, restart) = try disturb()
        let (read, paid) = (try reading.finish(), try paying.finish())
        print("\(kills) kills, the daemon back after \(restart). Reads: \(read)\nPayments: \(paid)")

        #expect(read.requests == reads.count && read.succeeded == read.requests, "\(read)")
        if read.failed > 0 { print(lab.accessLog(lab.nodes[0]).filter { $0.contains("/sa/quote") && !$0.contains("\"status\":200") }) }
        #expect(Set(read.instances.keys) == ["quote-0", "quote-1", "quote-2", "quote-3"], "every instance had its part")
        try checkPayments(paid, sent: payments.count)
    }

    /// The callee's daemon is killed while payments are on their way through its tunnels.
    @Test func noPaymentArrivesTwiceWhenTheTunnelsDaemonIsKilled() throws {
        for wallet in lab.workloads where wallet.service == "wallet" { try lab.steer(wallet, "delay=300ms") }
        var payments = RequestLoad("wallet:8081", rate: 100, count: 600)
        (payments.method, payments.hasIDs, payments.connections) = ("POST", true, 64)
        let paying = try lab.start(payments, from: caller)
        usleep(1_500_000)
        try lab.restartDaemon(lab.node("node-2"), signal: SIGKILL)
        let paid = try paying.finish()
        print("Payments: \(paid)")
        #expect(paid.statuses["502", default: 0] >= 10, "what was on its way has failed: \(paid)")
        try checkPayments(paid, sent: payments.count)
    }

    /// The kernel of the dead instance's namespace says at once that nobody listens.
    @Test(arguments: ["quote-0", "wallet-0"])
    func anInstanceThatIsDeadIsRefusedAtOnce(_ name: String) throws {
        let victim = try #require(lab.workloads.first { $0.name == name })
        try lab.stopService(victim)
        for address in [victim.ipv4, "[\(victim.ipv6)]"] {
            let started = ContinuousClock.now
            let answer = try lab.curl(from: caller, "http://\(address):\(victim.port)/", ["-i", "-g"])
            #expect(answer.output.contains("x-myelin-reason: endpoint_refused"), "\(address): \(answer)")
            #expect(ContinuousClock.now - started < .seconds(1), "\(address)")
        }
    }

    /// Kills an instance of each service every five seconds; in the midst of it the daemon of node-2 is restarted while an instance of
    /// node-1 is dead, so that requests are on their way through it. Ends before the loads do.
    private func disturb() throws -> (kills: Int, restart: Duration) {
        let start = ContinuousClock.now
        let rounds = Self.seconds / 5 - 1
        var restart = Duration.zero
        for round in 0..<rounds {
            let due = start + Self.killEvery * round + .seconds(2)
            usleep(UInt32(max(0, (due - ContinuousClock.now) / .microseconds(1))))
            let victims = [lab.workload("quote", [0, 2, 1, 3][round % 4]), lab.workload("wallet", round % 2)]
            for victim in victims { try lab.stopService(victim) }
            if round == rounds / 2 {
                #expect(victims[0].node == (round % 2 == 0 ? "node-1" : "node-2"))
                let began = ContinuousClock.now
                try lab.restartDaemon(lab.node("node-2"), signal: SIGTERM)
                restart = ContinuousClock.now - began
            } else {
                usleep(UInt32(Self.deadFor / .microseconds(1)))
            }
            for victim in victims {
                try lab.startService(victim)
                try lab.awaitService(victim, timeout: .seconds(10))
                try lab.steer(victim, "delay=2ms")
            }
        }
        return (rounds * 2, restart)
    }

    private func checkPayments(_ paid: RequestReport, sent: Int) throws {
        #expect(paid.requests == sent)
        var arrivals: [String: Int] = [:]
        for wallet in lab.workloads where wallet.service == "wallet" {
            for request in lab.requestsEverSeen(wallet) {
                #expect(request.method == "POST" && request.id != "-")
                arrivals[request.id, default: 0] += 1
            }
        }
        print("Payments that arrived: \(arrivals.count) of \(sent), twice: \(arrivals.values.count { $0 > 1 })")
        #expect(arrivals.values.allSatisfy { $0 == 1 }, "\(arrivals.filter { $0.value > 1 })")
        #expect(arrivals.count >= paid.succeeded, "what succeeded has arrived")
        // What failed had no way while an instance or the daemon was dead.
        #expect(paid.succeeded > sent / 3, "\(paid)")
    }
}
