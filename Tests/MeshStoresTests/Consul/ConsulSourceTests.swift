import Foundation
import MeshRegistry
import MeshStores
import MeshTypes
import Synchronization
import Testing

/// A source and a publisher against a real Consul agent.
@Suite(
    .serialized,
    .enabled(
        if: ConsulServer.program != nil || ProcessInfo.processInfo.environment["CI"] == "true", "no Consul here: see scripts/consul.sh"))
struct ConsulSourceTests {
    private func source(
        _ options: ConsulOptions, _ identities: TestIdentities, _ signatures: AnnouncementCheck.Signatures = .required
    ) -> ConsulSource {
        ConsulSource(
            options, namespace: "default", trustDomain: TestIdentities.trustDomain, signatures: signatures, keys: identities.store)
    }

    @Test func announcementsComeAndGoWithTheirNode() async throws {
        let consul = try await ConsulServer()
        let identities = try await TestIdentities(["wallet", "usage"])
        let publisher = StorePublisher(consul: consul.options, keys: identities.store)
        let publishing = Task { await publisher.run() }
        try await Reports.of(source(consul.options, identities)) { reports in
            try await reports.wait("nothing") { records, _ in records.isEmpty }
            let start = ContinuousClock.now
            try await publisher.publish(.of("node-1", ["10.1.0.2:8081": "wallet", "[fd00::1]:9000": "usage"]))
            try await reports.wait("both") { records, _ in
                records.endpoints == ["usage [fd00::1]:9000", "wallet 10.1.0.2:8081"] && records.nodes.count == 1
            }
            print("announced in Consul and known after \(ContinuousClock.now - start)")
            let records = try #require(await reports.records)
            #expect(records.nodes.map(\.node) == [.of("node-1")] && records.nodes[0].announcer == "node-1")
            let service = try #require(records.services.first { $0.identity == .of("wallet") })
            #expect(service.applicationProtocol == .http && service.team == "core" && service.endpoints[0].weight == 3)
            #expect(service.endpoints[0].tunnel == Node.of("node-1").tunnel)
            // The checks' time passes; they are passed again and again.
            try await Task.sleep(for: .seconds(3))
            #expect(await reports.records?.services.allSatisfy { $0.endpoints.allSatisfy { !$0.isDraining } } == true)
            try await publisher.publish(.of("node-1", ["10.1.0.2:8081": "wallet"], isDraining: true))
            try await reports.wait("one of them, draining") { records, _ in
                records.endpoints == ["wallet 10.1.0.2:8081"] && records.services[0].endpoints[0].isDraining
            }
            publishing.cancel()
            await publishing.value
            try await reports.wait("nothing at once") { records, _ in records.isEmpty }
        }
        #expect(consul.ask("GET", "/v1/agent/services").trimmingCharacters(in: .whitespacesAndNewlines) == "{}")
    }

    @Test func theNextDaemonTakesOverWhatTheOneBeforeAnnounced() async throws {
        let consul = try await ConsulServer()
        let identities = try await TestIdentities(["wallet"])
        try await Reports.of(source(consul.options, identities)) { reports in
            for _ in 0..<3 {
                let publisher = StorePublisher(consul: consul.options, keys: identities.store, farewell: .handOver)
                let publishing = Task { await publisher.run() }
                try await publisher.publish(.of("node-1", ["10.1.0.2:8081": "wallet"]))
                try await reports.wait("the endpoint") { records, _ in records.endpoints.count == 1 }
                publishing.cancel()
                await publishing.value
            }
            for records in await reports.allRecords {
                #expect(records.endpoints.count == 1 && !records.services[0].endpoints[0].isDraining)
            }
            try await reports.wait("that it drains, as no daemon came", within: .seconds(6)) { records, _ in
                records.services.first?.endpoints.first?.isDraining == true
            }
        }
    }

    @Test func speaksTLSWithACertificateOfItsOwn() async throws {
        let scratch = Scratch()
        let tls = TestCertificates(in: scratch)
        let consul = try await ConsulServer(scratch: scratch, tls: tls)
        let identities = try await TestIdentities(["wallet"])
        var options = consul.options
        options.access = StoreAccess(authorityFile: tls.authority, certificateFile: tls.certificate, keyFile: tls.key)
        let publisher = StorePublisher(consul: options, keys: identities.store)
        let publishing = Task { await publisher.run() }
        try await publisher.publish(.of("node-1", ["10.1.0.2:8081": "wallet"]))
        try await Reports.of(source(options, identities)) { reports in
            try await reports.wait("the endpoint") { records, _ in records.endpoints == ["wallet 10.1.0.2:8081"] }
        }
        publishing.cancel()
        await publishing.value
        // Without a certificate, with another authority than the agent's, and with none at all.
        let others = Scratch()
        let accesses = [
            StoreAccess(authorityFile: tls.authority),
            StoreAccess(authorityFile: TestCertificates(in: others).authority, certificateFile: tls.certificate, keyFile: tls.key),
            StoreAccess(authorityFile: others.path + "/none.pem"),
        ]
        for (access, code) in zip(accesses, [SourceFailure.Code.unreachable, .unreachable, .refused]) {
            options.access = access
            try await Reports.of(source(options, identities)) { reports in
                let failure = try await reports.waitForFailure()
                #expect(failure.code == code, "\(failure)")
                #expect(await reports.records == nil)
            }
        }
    }

    @Test func othersServicesAreUsedIfTheyMayBeUnsigned() async throws {
        let consul = try await ConsulServer()
        let identities = try await TestIdentities([])
        consul.ask(
            "PUT", "/v1/agent/service/register",
            #"{"ID":"w","Name":"wallet","Address":"10.1.1.1","Port":8081,"Meta":{"version":"v2","protocol":"http","zone":"zone-b"},"Weights":{"Passing":7,"Warning":2},"Check":{"CheckID":"w","TTL":"60s","Status":"passing"}}"#
        )
        consul.ask("PUT", "/v1/kv/myelin/services/default/wallet", #"{"service":"wallet","port":80,"metadata":{"team":"core"}}"#)
        let strict = source(consul.options, identities)
        try await Reports.of(strict) { reports in
            try await reports.wait("that it is not signed") { records, note in
                records.endpoints.isEmpty && records.services.map(\.port) == [80] && note.dropped.count == 1
            }
            #expect(await strict.refusals == [.unsigned: 1])
        }
        try await Reports.of(source(consul.options, identities, .acceptUnsigned)) { reports in
            try await reports.wait("the endpoint") { records, _ in records.endpoints == ["wallet 10.1.1.1:8081"] }
            let records = try #require(await reports.records)
            let endpoint = records.services[0].endpoints[0]
            // The operator's record comes first.
            #expect(records.services[0].port == 80 && records.services[0].team == "core")
            #expect(endpoint.node == "agent-1" && endpoint.version == "v2" && endpoint.weight == 7)
            #expect(records.nodes[0].node.locality == Locality(region: "eu", zone: "zone-b", node: "agent-1"))
            consul.ask("PUT", "/v1/agent/check/warn/w")
            try await reports.wait("a lighter one") { records, _ in records.services[0].endpoints.first?.weight == 2 }
            consul.ask("PUT", "/v1/agent/check/fail/w")
            try await reports.wait("a draining one") { records, _ in records.services[0].endpoints.first?.isDraining == true }
            consul.ask("PUT", "/v1/agent/check/pass/w")
            try await reports.wait("a ready one") { records, _ in records.services[0].endpoints.first?.isDraining == false }
            consul.ask("PUT", "/v1/agent/service/maintenance/w?enable=true")
            try await reports.wait("maintenance") { records, _ in records.services[0].endpoints.first?.isDraining == true }
            consul.ask("PUT", "/v1/agent/service/deregister/w")
            consul.ask("DELETE", "/v1/kv/myelin/services/default/wallet")
            try await reports.wait("nothing") { records, _ in records.isEmpty }
        }
    }

    @Test func aSilentNodeIsDrained() async throws {
        let consul = try await ConsulServer()
        let identities = try await TestIdentities(["wallet"])
        try await leave(behind: "wallet", for: "1s", consul, identities)
        try await Reports.of(source(consul.options, identities)) { reports in
            try await reports.wait("the endpoint") { records, _ in records.endpoints == ["wallet 10.1.0.2:8081"] }
            try await reports.wait("that it drains", within: .seconds(4)) { records, _ in
                records.services.first?.endpoints.first?.isDraining == true
            }
        }
    }

    /// Cut off from Consul, no node could pass its checks. When it is back, all seem to be silent.
    @Test func whoFellSilentMeanwhileHoldsForTheGrace() async throws {
        let consul = try await ConsulServer()
        let identities = try await TestIdentities(["wallet"])
        try await leave(behind: "wallet", for: "3s", consul, identities)
        let ahead = Mutex<Int64>(0)
        let source = ConsulSource(
            consul.options, namespace: "default", trustDomain: TestIdentities.trustDomain, keys: identities.store,
            clock: { Int64(Date().timeIntervalSince1970) + ahead.withLock { $0 } })
        try await Reports.of(source) { reports in
            try await reports.wait("the endpoint") { records, _ in records.services.first?.endpoints.first?.isDraining == false }
            consul.process.pause()
            _ = try await reports.waitForFailure()
            let seen = await reports.all.count
            try await Task.sleep(for: .seconds(3))
            consul.process.resume()
            let deadline = ContinuousClock.now + .seconds(10)
            while !consul.ask("GET", "/v1/health/state/critical").contains("\"x\""), ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(50))
            }
            consul.ask("PUT", "/v1/kv/myelin/services/default/usage", #"{"service":"usage","port":80}"#)
            try await reports.wait("what was there, and what came") { records, _ in records.services.count == 2 }
            for case .records(let records, _) in await reports.all.dropFirst(seen) {
                let endpoints = records.services.flatMap(\.endpoints)
                #expect(endpoints.count == 1 && endpoints.allSatisfy { !$0.isDraining })
            }
            ahead.withLock { $0 = 31 }
            try await reports.wait("that it drains") { records, _ in
                records.services.contains { $0.endpoints.contains(where: \.isDraining) }
            }
        }
    }

    /// As a node would leave it that lost its power: nobody passes the check.
    private func leave(behind name: String, for time: String, _ consul: ConsulServer, _ identities: TestIdentities) async throws {
        let publisher = StorePublisher(consul: consul.options, keys: identities.store)
        let publishing = Task { await publisher.run() }
        try await publisher.publish(.of("node-1", ["10.1.0.2:8081": name]))
        let meta = consul.ask("GET", "/v1/agent/service/myelin:node-1:default:\(name):10.1.0.2:8081")
        publishing.cancel()
        await publishing.value
        let service = try #require(try JSONSerialization.jsonObject(with: Data(meta.utf8)) as? [String: Any])
        let body: [String: Any] = [
            "ID": "x", "Name": name, "Address": "10.1.0.2", "Port": 8081, "Meta": service["Meta"] ?? [:],
            "Check": ["CheckID": "x", "TTL": time, "Status": "passing"],
        ]
        consul.ask("PUT", "/v1/agent/service/register", String(decoding: try JSONSerialization.data(withJSONObject: body), as: UTF8.self))
    }

    @Test func goesOnAfterAKillAndBeginsAnewWhenTheServersForgotAll() async throws {
        let consul = try await ConsulServer()
        let identities = try await TestIdentities(["wallet"])
        let publisher = StorePublisher(consul: consul.options, keys: identities.store)
        let publishing = Task { await publisher.run() }
        for round in 0..<30 { consul.ask("PUT", "/v1/kv/other", "\(round)") }
        try await publisher.publish(.of("node-1", ["10.1.0.2:8081": "wallet"]))
        try await Reports.of(source(consul.options, identities)) { reports in
            try await reports.wait("the endpoint") { records, _ in records.endpoints.count == 1 }
            consul.process.pause()
            let failure = try await reports.waitForFailure()
            #expect(failure.code == .unreachable)
            consul.process.resume()
            try await reports.wait("the endpoint again") { records, _ in records.endpoints.count == 1 }
            consul.process.stop()
            let killed = try await reports.waitForFailure()
            #expect(killed.code == .unreachable)
            // All indexes begin anew, far below those that were waited for.
            try FileManager.default.removeItem(atPath: consul.scratch.path + "/consul")
            try await consul.process.start()
            try await reports.wait("the node's own, announced again", within: .seconds(25)) { records, _ in
                records.endpoints == ["wallet 10.1.0.2:8081"] && !records.services[0].endpoints[0].isDraining
            }
        }
        publishing.cancel()
        await publishing.value
    }

    @Test func aTokenIsNeededWhereAccessIsControlled() async throws {
        let consul = try await ConsulServer(
            settings:
                #","acl":{"enabled":true,"default_policy":"deny","tokens":{"master":"c0ffee00-0000-0000-0000-000000000001","agent":"c0ffee00-0000-0000-0000-000000000001"}}"#,
            waitsForLeader: false)
        let master = "c0ffee00-0000-0000-0000-000000000001"
        let deadline = ContinuousClock.now + .seconds(20)
        while !consul.ask("GET", "/v1/acl/tokens", token: master).contains("AccessorID") {
            try #require(ContinuousClock.now < deadline)
            try await Task.sleep(for: .milliseconds(100))
        }
        // The rules that docs/consul.md describes, for a node that hosts the wallet.
        let rules =
            #"node_prefix \"\" { policy = \"read\" } service_prefix \"\" { policy = \"read\" } service \"myelin-node\" { policy = \"write\" } service \"wallet\" { policy = \"write\" } key_prefix \"myelin/\" { policy = \"read\" } agent_prefix \"\" { policy = \"read\" }"#
        consul.ask("PUT", "/v1/acl/policy", #"{"Name":"node","Rules":"\#(rules)"}"#, token: master)
        let secret = "c0ffee00-0000-0000-0000-000000000002"
        #expect(
            consul.ask("PUT", "/v1/acl/token", #"{"SecretID":"\#(secret)","Policies":[{"Name":"node"}]}"#, token: master).contains(secret))
        let identities = try await TestIdentities(["wallet", "usage"])
        var options = consul.options
        options.tokenFile = consul.scratch.file("token", secret)
        let publisher = StorePublisher(consul: options, keys: identities.store)
        let publishing = Task { await publisher.run() }
        try await publisher.publish(.of("node-1", ["10.1.0.2:8081": "wallet"]))
        try await Reports.of(source(options, identities)) { reports in
            try await reports.wait("the endpoint") { records, _ in records.endpoints.count == 1 }
            let failure = await #expect(throws: SourceFailure.self) {
                try await publisher.publish(.of("node-1", ["10.1.0.2:8081": "wallet", "10.1.0.3:8081": "usage"]))
            }
            #expect(failure?.code == .refused && failure?.what.contains("403") == true)
        }
        publishing.cancel()
        await publishing.value
        options.tokenFile = consul.scratch.file("token", "c0ffee00-0000-0000-0000-00000000dead")
        try await Reports.of(source(options, identities)) { reports in
            let failure = try await reports.waitForFailure()
            #expect(failure.code == .refused)
        }
    }
}
