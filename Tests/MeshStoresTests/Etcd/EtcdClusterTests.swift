import Foundation
import MeshRegistry
import MeshStores
import MeshTypes
import Testing

/// Three members of one cluster, of which some go and come back.
@Suite(.serialized)
struct EtcdClusterTests {
    /// Processes of one cluster, on ports of loopback.
    private final class Cluster: Sendable {
        let members: [StoreProcess]
        let urls: [String]
        private let scratch = Scratch()

        init() async throws {
            let ports = try (0..<3).map { _ in (client: try StoreProcess.freePort(), peer: try StoreProcess.freePort()) }
            urls = ports.map { "http://127.0.0.1:\($0.client)" }
            let peers = ports.enumerated().map { "m\($0.offset)=http://127.0.0.1:\($0.element.peer)" }.joined(separator: ",")
            var members: [StoreProcess] = []
            for (index, port) in ports.enumerated() {
                let peer = "http://127.0.0.1:\(port.peer)"
                members.append(
                    try await StoreProcess(
                        [
                            "/usr/bin/etcd", "--name", "m\(index)", "--data-dir", "\(scratch.path)/m\(index)", "--listen-client-urls",
                            urls[index], "--advertise-client-urls", urls[index], "--listen-peer-urls", peer,
                            "--initial-advertise-peer-urls", peer, "--initial-cluster", peers, "--heartbeat-interval", "50",
                            "--election-timeout", "500",
                        ], address: SocketAddress(ip: .v4Loopback, port: port.client), log: "m\(index).log", in: scratch))
            }
            self.members = members
        }

        var options: EtcdOptions {
            var options = EtcdOptions(servers: urls)
            options.timeout = .seconds(1)
            options.lease = .seconds(4)
            return options
        }

        /// True once the cluster has a leader and has taken it.
        @discardableResult
        func put(_ service: String) -> Bool {
            control(["put", "/myelin/services/default/\(service)", #"{"service":"\#(service)","port":80}"#]) == 0
        }

        /// Which member leads; nil while none does.
        var leader: Int? {
            urls.indices.first { index in
                let status = run(
                    ["etcdctl", "--endpoints", urls[index], "endpoint", "status", "-w", "fields"], environment: ["ETCDCTL_API": "3"])
                let fields = status.output.split(separator: "\n").map {
                    $0.split(separator: ":").map { $0.trimmingCharacters(in: .whitespaces) }
                }
                func value(_ name: String) -> String? { fields.first { $0.first == "\"\(name)\"" }?.last }
                return value("MemberID") != nil && value("MemberID") == value("Leader")
            }
        }

        private func control(_ words: [String]) -> Int32 {
            run(
                ["etcdctl", "--endpoints", urls.joined(separator: ","), "--command-timeout", "3s"] + words,
                environment: ["ETCDCTL_API": "3"]
            ).status
        }
    }

    private func eventually(_ condition: () -> Bool) async throws -> Bool {
        for _ in 0..<300 {
            if condition() { return true }
            try await Task.sleep(for: .milliseconds(100))
        }
        return false
    }

    @Test(.timeLimit(.minutes(3))) func membersMayGoAndComeBack() async throws {
        let cluster = try await Cluster()
        #expect(try await eventually { cluster.put("zero") })
        let identities = try await TestIdentities(["wallet"])
        let publisher = StorePublisher(etcd: cluster.options, keys: identities.store)
        let publishing = Task { await publisher.run() }
        try await publisher.publish(.of("node-1", ["10.1.0.2:8081": "wallet"]))
        let source = EtcdSource(
            cluster.options, namespace: "default", trustDomain: TestIdentities.trustDomain, keys: identities.store)
        try await Reports.of(source) { reports in
            try await reports.wait("what is there") { records, _ in records.endpoints.count == 1 && records.services.count == 2 }

            // The leader goes, and with it perhaps the one that is talked to.
            let leader = try #require(cluster.leader)
            cluster.members[leader].stop()
            #expect(try await eventually { cluster.put("one") })
            try await reports.wait("a change without it", within: .seconds(20)) { records, _ in records.services.count == 3 }
            try await cluster.members[leader].start()

            // Two of three go: nothing can be read, and what is known stays.
            #expect(try await eventually { cluster.leader != nil })
            let left = try #require(cluster.leader)
            let others = [0, 1, 2].filter { $0 != left }
            for other in others { cluster.members[other].stop() }
            let failure = try await reports.waitForFailure(within: .seconds(30))
            #expect(failure.code == .unreachable, "\(failure)")
            try await cluster.members[others[0]].start()
            #expect(try await eventually { cluster.put("two") })
            try await reports.wait("a change with two", within: .seconds(30)) { records, _ in records.services.count == 4 }
            try await cluster.members[others[1]].start()

            // In all of this the endpoint was never missing.
            for case .records(let records, _) in await reports.all { #expect(records.endpoints == ["wallet 10.1.0.2:8081"]) }
        }
        publishing.cancel()
        await publishing.value
    }
}
