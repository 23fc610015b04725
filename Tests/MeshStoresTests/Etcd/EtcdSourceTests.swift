import Foundation
import MeshRegistry
import MeshStores
import MeshTypes
import Synchronization
import Testing

/// A source and a publisher against Debian's etcd.
@Suite(.serialized)
struct EtcdSourceTests {
    private static let wallet =
        #"{"service":"wallet","host":"wallet.svc.cluster.local","port":8081,"metadata":{"team":"core","version":"v1.4.0"}}"#

    private func source(_ options: EtcdOptions, _ identities: TestIdentities) -> EtcdSource {
        EtcdSource(options, namespace: "default", trustDomain: TestIdentities.trustDomain, keys: identities.store)
    }

    @Test func operatorsRecordsAreRead() async throws {
        let etcd = try await EtcdServer()
        let identities = try await TestIdentities([])
        etcd.put("/myelin/services/default/wallet", Self.wallet)
        etcd.put("/other", "is not looked at")
        try await Reports.of(source(etcd.options, identities)) { reports in
            try await reports.wait("the wallet") { records, _ in records.services.count == 1 }
            let service = try #require(await reports.records?.services.first)
            #expect(service.identity == .of("wallet") && service.port == 8081 && service.version == "v1.4.0")
            #expect(service.location.file == "etcd:/myelin/services/default/wallet")
            etcd.put("/myelin/services/default/usage", Self.wallet)
            try await reports.wait("a wrong record") { records, note in records.services.count == 1 && note.dropped.count == 1 }
            etcd.put("/myelin/services/default/usage", Self.wallet.replacing("wallet", with: "usage"))
            try await reports.wait("a second one") { records, note in records.services.count == 2 && note.dropped.isEmpty }
            etcd.control("del", "/myelin/services/default/wallet")
            try await reports.wait("one less") { records, _ in records.services.map(\.identity) == [.of("usage")] }
        }
    }

    /// A node may write at its own key: a workload there would get it another's certificate.
    @Test func whatANodeWritesOfItselfPlacesNothing() async throws {
        let etcd = try await EtcdServer()
        let identities = try await TestIdentities([])
        let node = #"{"nodes":[{"name":"node-9","address":"10.0.0.9"}]"#
        let workload = #"{"service":"wallet","node":"node-9","cgroup":"/a"}"#
        etcd.put("/myelin/services/default/wallet", Self.wallet)
        etcd.put("/myelin/nodes/node-9", node + #","workloads":["# + workload + "]}")
        try await Reports.of(source(etcd.options, identities)) { reports in
            try await reports.wait("the refusal") { records, note in records.services.count == 1 && note.dropped.count == 1 }
            let known = try #require(await reports.records)
            #expect(known.workloads.isEmpty && known.nodes.isEmpty)
            etcd.put("/myelin/nodes/node-9", node + "}")
            try await reports.wait("the node alone") { records, note in records.nodes.count == 1 && note.dropped.isEmpty }
        }
    }

    @Test func announcementsComeAndGoWithTheirNode() async throws {
        let etcd = try await EtcdServer()
        let identities = try await TestIdentities(["wallet", "usage"])
        let publisher = StorePublisher(etcd: etcd.options, keys: identities.store)
        let publishing = Task { await publisher.run() }
        try await publisher.publish(.of("node-1", ["10.1.0.2:8081": "wallet", "[fd00::1]:9000": "usage"]))
        try await Reports.of(source(etcd.options, identities)) { reports in
            try await reports.wait("both") { records, _ in records.endpoints == ["usage [fd00::1]:9000", "wallet 10.1.0.2:8081"] }
            let records = try #require(await reports.records)
            #expect(records.nodes.map(\.node) == [.of("node-1")] && records.nodes[0].announcer == "node-1")
            let service = try #require(records.services.first { $0.identity == .of("wallet") })
            #expect(service.applicationProtocol == .http && service.port == 8081 && service.team == "core")
            let endpoint = try #require(service.endpoints.first)
            #expect(endpoint.weight == 3 && endpoint.version == "v1" && endpoint.announcer == "node-1" && !endpoint.isDraining)
            #expect(endpoint.tunnel == Node.of("node-1").tunnel)
            let start = ContinuousClock.now
            try await publisher.publish(.of("node-1", ["10.1.0.2:8081": "wallet"], isDraining: true))
            try await reports.wait("one of them, draining") { records, _ in
                records.endpoints == ["wallet 10.1.0.2:8081"] && records.services[0].endpoints[0].isDraining && records.nodes[0].isDraining
            }
            #expect(ContinuousClock.now - start < .milliseconds(700))
            publishing.cancel()
            try await reports.wait("nothing at once", within: .seconds(1)) { records, _ in records.isEmpty }
        }
        await publishing.value
    }

    @Test func aSilentNodeVanishesWithItsLease() async throws {
        let etcd = try await EtcdServer()
        let identities = try await TestIdentities(["wallet"])
        let publisher = StorePublisher(etcd: etcd.options, keys: identities.store)
        let publishing = Task { await publisher.run() }
        try await publisher.publish(.of("node-1", ["10.1.0.2:8081": "wallet"]))
        let value = etcd.get("/myelin/instances/node-1/default/wallet/10.1.0.2:8081")
        publishing.cancel()
        await publishing.value
        #expect(etcd.keys("/myelin/") == [])
        // The same record, as a node would leave it that lost its power.
        let lease = etcd.control("lease", "grant", "3").output.split(separator: " ")[1]
        etcd.control("put", "/myelin/instances/node-1/default/wallet/10.1.0.2:8081", value, "--lease=\(lease)")
        try await Reports.of(source(etcd.options, identities)) { reports in
            try await reports.wait("the endpoint") { records, _ in records.endpoints == ["wallet 10.1.0.2:8081"] }
            try await reports.wait("none", within: .seconds(8)) { records, _ in records.endpoints == [] }
        }
    }

    @Test func theNextDaemonTakesOverWhatTheOneBeforeAnnounced() async throws {
        let etcd = try await EtcdServer()
        let identities = try await TestIdentities(["wallet"])
        try await Reports.of(source(etcd.options, identities)) { reports in
            for _ in 0..<3 {
                let publisher = StorePublisher(etcd: etcd.options, keys: identities.store, farewell: .handOver)
                let publishing = Task { await publisher.run() }
                try await publisher.publish(.of("node-1", ["10.1.0.2:8081": "wallet"]))
                try await reports.wait("the endpoint") { records, _ in records.endpoints.count == 1 }
                // Longer than the lease of the daemon before this one.
                try await Task.sleep(for: .seconds(4))
                publishing.cancel()
                await publishing.value
                #expect(etcd.keys("/myelin/instances/").count == 1)
            }
            for records in await reports.allRecords { #expect(records.endpoints == ["wallet 10.1.0.2:8081"]) }
            try await reports.wait("none, as no daemon came", within: .seconds(6)) { records, _ in records.isEmpty }
        }
    }

    @Test func goesOnAfterAKill() async throws {
        let etcd = try await EtcdServer()
        let identities = try await TestIdentities(["wallet", "usage"])
        let publisher = StorePublisher(etcd: etcd.options, keys: identities.store)
        let publishing = Task { await publisher.run() }
        try await publisher.publish(.of("node-1", ["10.1.0.2:8081": "wallet"]))
        try await Reports.of(source(etcd.options, identities)) { reports in
            try await reports.wait("the endpoint") { records, _ in records.endpoints.count == 1 }
            etcd.process.stop()
            let failure = try await reports.waitForFailure()
            #expect(failure.code == .unreachable && failure.what.contains(etcd.url))
            await #expect(throws: SourceFailure.self) { try await publisher.publish(.of("node-1", ["10.1.0.3:8081": "wallet"])) }
            try await Task.sleep(for: .seconds(1))
            try await etcd.process.start()
            try await reports.wait("the new one, without a gap") { records, _ in records.endpoints == ["wallet 10.1.0.3:8081"] }
            for case .records(let records, _) in await reports.all { #expect(records.endpoints.count == 1) }
        }
        publishing.cancel()
        await publishing.value
    }

    /// Longer than any signature holds: nodes could not sign again meanwhile, and are not forgotten when etcd is back.
    @Test func signaturesMayEndWhileTheStoreIsAway() async throws {
        let etcd = try await EtcdServer()
        let identities = try await TestIdentities(["wallet"], lifetime: .seconds(24 * 3600))
        let ahead = Mutex<Int64>(0)
        let clock: @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970) + ahead.withLock { $0 } }
        let publisher = StorePublisher(etcd: etcd.options, keys: identities.store, clock: clock)
        let publishing = Task { await publisher.run() }
        try await publisher.publish(.of("node-1", ["10.1.0.2:8081": "wallet"]))
        let key = "/myelin/instances/node-1/default/wallet/10.1.0.2:8081"
        let before = etcd.get(key)
        let source = EtcdSource(
            etcd.options, namespace: "default", trustDomain: TestIdentities.trustDomain, keys: identities.store, clock: clock)
        try await Reports.of(source) { reports in
            try await reports.wait("the endpoint") { records, _ in records.endpoints.count == 1 }
            etcd.process.stop()
            _ = try await reports.waitForFailure()
            ahead.withLock { $0 = 2 * 3600 }
            try await etcd.process.start()
            try await reports.wait("the endpoint") { records, _ in records.endpoints.count == 1 }
            let deadline = ContinuousClock.now + .seconds(10)
            while etcd.get(key) == before, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(50)) }
            #expect(etcd.get(key) != before)
            try await Task.sleep(for: .seconds(1))
            for case .records(let records, _) in await reports.all { #expect(records.endpoints.count == 1) }
        }
        publishing.cancel()
        await publishing.value
    }

    /// Its connections stay, and nothing comes: only the heartbeat tells.
    @Test func noticesAServerThatHangs() async throws {
        let etcd = try await EtcdServer()
        let identities = try await TestIdentities([])
        etcd.put("/myelin/services/default/wallet", Self.wallet)
        try await Reports.of(source(etcd.options, identities)) { reports in
            try await reports.wait("the wallet") { records, _ in records.services.count == 1 }
            etcd.process.pause()
            let failure = try await reports.waitForFailure(within: .seconds(6))
            #expect(failure.code == .unreachable)
            etcd.process.resume()
            try await reports.wait("the wallet again") { records, _ in records.services.count == 1 }
        }
    }

    @Test func readsAnewAfterACompaction() async throws {
        let etcd = try await EtcdServer()
        let identities = try await TestIdentities([])
        for name in ["wallet", "usage"] {
            etcd.put("/myelin/services/default/\(name)", Self.wallet.replacing("wallet", with: name))
        }
        try await Reports.of(source(etcd.options, identities)) { reports in
            try await reports.wait("two") { records, _ in records.services.count == 2 }
            etcd.process.pause()
            _ = try await reports.waitForFailure()
            etcd.process.stop()
            // Another daemon's port for a while, so that the changes happen unseen.
            let unseen = try await EtcdServer(scratch: etcd.scratch)
            unseen.control("del", "/myelin/services/default/usage")
            unseen.put("/myelin/services/default/rwa", Self.wallet.replacing("wallet", with: "rwa"))
            unseen.put("/other", "1")
            let revision = unseen.control("get", "/other", "-w", "fields").output.split(separator: "\n")
                .first { $0.contains("ModRevision") }!.split(separator: " ").last!
            #expect(unseen.control("compact", String(revision)).status == 0)
            unseen.process.stop()
            try await etcd.process.start()
            try await reports.wait("wallet and rwa") { records, _ in
                records.services.map(\.identity).sorted() == [.of("rwa"), .of("wallet")]
            }
        }
    }

    /// Cut off from etcd, all nodes lose their leases. When it is back, what they announced is gone, and they are not.
    @Test(arguments: [false, true]) func whatWasLostMeanwhileHoldsUntilItsNodeSpeaks(compacted: Bool) async throws {
        let etcd = try await EtcdServer()
        let identities = try await TestIdentities(["wallet", "usage"])
        let publisher = StorePublisher(etcd: etcd.options, keys: identities.store)
        let publishing = Task { await publisher.run() }
        try await publisher.publish(.of("node-1", ["10.1.0.2:8081": "wallet", "10.1.0.3:8081": "usage"]))
        let keys = etcd.keys("/myelin/")
        let values = Dictionary(uniqueKeysWithValues: keys.map { ($0, etcd.get($0)) })
        publishing.cancel()
        await publishing.value
        for (key, value) in values { etcd.put(key, value) }
        let ahead = Mutex<Int64>(0)
        let source = EtcdSource(
            etcd.options, namespace: "default", trustDomain: TestIdentities.trustDomain, keys: identities.store,
            clock: { Int64(Date().timeIntervalSince1970) + ahead.withLock { $0 } })
        try await Reports.of(source) { reports in
            try await reports.wait("both") { records, _ in records.endpoints.count == 2 }
            etcd.process.pause()
            _ = try await reports.waitForFailure()
            etcd.process.stop()
            let unseen = try await EtcdServer(scratch: etcd.scratch)
            for key in keys { unseen.control("del", key) }
            if compacted {
                unseen.put("/other", "1")
                let line = unseen.control("get", "/other", "-w", "fields").output.split(separator: "\n").first {
                    $0.contains("ModRevision")
                }
                #expect(unseen.control("compact", String(try #require(line).split(separator: " ").last!)).status == 0)
            }
            unseen.process.stop()
            let seen = await reports.all.count
            try await etcd.process.start()
            etcd.put("/myelin/services/default/rwa", Self.wallet.replacing("wallet", with: "rwa"))
            try await reports.wait("what was there, and what came") { records, _ in
                records.endpoints.count == 2 && records.services.count == 3 && records.nodes.count == 1
            }
            for case .records(let records, _) in await reports.all.dropFirst(seen) { #expect(records.endpoints.count == 2) }
            // The node is back, with one of the two.
            let wallet = "/myelin/instances/node-1/default/wallet/10.1.0.2:8081"
            etcd.put(wallet, try #require(values[wallet]))
            etcd.put("/myelin/nodes/node-1", try #require(values["/myelin/nodes/node-1"]))
            try await reports.wait("what it says now") { records, _ in records.endpoints == ["wallet 10.1.0.2:8081"] }
            // Also within the grace it is believed when it stops.
            etcd.control("del", wallet)
            try await reports.wait("nothing of it") { records, _ in records.endpoints == [] && records.nodes.count == 1 }
        }
    }

    @Test func whoDoesNotComeBackIsForgottenWithTheGrace() async throws {
        let etcd = try await EtcdServer()
        let identities = try await TestIdentities([])
        etcd.put("/myelin/services/default/wallet", Self.wallet)
        etcd.put("/myelin/nodes/node-1", #"{"record":"{\"address\":\"10.0.0.1\",\"name\":\"node-1\",\"tunnel_port\":15008}"}"#)
        let ahead = Mutex<Int64>(0)
        let source = EtcdSource(
            etcd.options, namespace: "default", trustDomain: TestIdentities.trustDomain, keys: identities.store,
            clock: { Int64(Date().timeIntervalSince1970) + ahead.withLock { $0 } })
        try await Reports.of(source) { reports in
            try await reports.wait("the node") { records, _ in records.nodes.count == 1 }
            etcd.process.stop()
            _ = try await reports.waitForFailure()
            let unseen = try await EtcdServer(scratch: etcd.scratch)
            unseen.control("del", "/myelin/nodes/node-1")
            unseen.process.stop()
            try await etcd.process.start()
            let seen = await reports.all.count
            etcd.put("/myelin/services/default/rwa", Self.wallet.replacing("wallet", with: "rwa"))
            try await reports.wait("the node, still") { records, _ in records.services.count == 2 && records.nodes.count == 1 }
            #expect(await reports.all.count > seen)
            ahead.withLock { $0 = 31 }
            try await reports.wait("no node") { records, _ in records.nodes.isEmpty && records.services.count == 2 }
        }
    }

    /// The lease is there again, and a record that was written since is not: only the revision tells.
    @Test func writesAgainWhatAnOlderStateWithItsLeaseLacks() async throws {
        let etcd = try await EtcdServer()
        let identities = try await TestIdentities(["wallet"])
        var options = etcd.options
        // All happens between two beats.
        options.lease = .seconds(18)
        let publisher = StorePublisher(etcd: options, keys: identities.store)
        let publishing = Task { await publisher.run() }
        try await publisher.publish(.of("node-1", [:]))
        let snapshot = etcd.scratch.path + "/snapshot.db"
        #expect(etcd.control("snapshot", "save", snapshot).status == 0)
        try await publisher.publish(.of("node-1", ["10.1.0.2:8081": "wallet"]))
        let restored = try await etcd.restored(from: snapshot)
        let deadline = ContinuousClock.now + .seconds(9)
        while restored.keys("/myelin/instances/").isEmpty, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(restored.keys("/myelin/instances/").count == 1)
        publishing.cancel()
        await publishing.value
    }

    @Test func readsAnewWhenTheClusterWasRestored() async throws {
        let etcd = try await EtcdServer()
        let identities = try await TestIdentities(["wallet"])
        etcd.put("/myelin/services/default/usage", Self.wallet.replacing("wallet", with: "usage"))
        let snapshot = etcd.scratch.path + "/snapshot.db"
        #expect(etcd.control("snapshot", "save", snapshot).status == 0)
        let publisher = StorePublisher(etcd: etcd.options, keys: identities.store)
        let publishing = Task { await publisher.run() }
        try await publisher.publish(.of("node-1", ["10.1.0.2:8081": "wallet"]))
        for count in 0..<5 {
            etcd.put("/myelin/services/default/rwa", Self.wallet.replacing("wallet", with: "rwa") + String(repeating: " ", count: count))
        }
        try await Reports.of(source(etcd.options, identities)) { reports in
            try await reports.wait("three") { records, _ in records.services.count == 3 }
            let restored = try await etcd.restored(from: snapshot)
            try await reports.wait("usage and the node's own") { records, _ in
                records.services.map(\.identity).sorted() == [.of("usage"), .of("wallet")]
            }
            // What the node announces is written again too, under a new lease, and was never missed.
            let deadline = ContinuousClock.now + .seconds(10)
            while restored.keys("/myelin/instances/").isEmpty, ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect(restored.keys("/myelin/instances/").count == 1)
            for case .records(let records, _) in await reports.all.drop(while: { if case .failed = $0 { false } else { true } }) {
                #expect(records.endpoints == ["wallet 10.1.0.2:8081"])
            }
        }
        publishing.cancel()
        await publishing.value
    }
}
