import Foundation
import MeshRegistry
import MeshStores
import MeshTypes
import Testing

/// Who may read and write, and who must prove who they are.
@Suite(.serialized)
struct EtcdAccessTests {
    private func source(_ options: EtcdOptions, _ identities: TestIdentities) -> EtcdSource {
        EtcdSource(options, namespace: "default", trustDomain: TestIdentities.trustDomain, keys: identities.store)
    }

    @Test func speaksTLSWithACertificateOfItsOwn() async throws {
        let scratch = Scratch()
        let tls = TestCertificates(in: scratch)
        let etcd = try await EtcdServer(scratch: scratch, tls: tls)
        let identities = try await TestIdentities(["wallet"])
        var options = etcd.options
        options.access = StoreAccess(authorityFile: tls.authority, certificateFile: tls.certificate, keyFile: tls.key)
        let publisher = StorePublisher(etcd: options, keys: identities.store)
        let publishing = Task { await publisher.run() }
        try await publisher.publish(.of("node-1", ["10.1.0.2:8081": "wallet"]))
        try await Reports.of(source(options, identities)) { reports in
            try await reports.wait("the endpoint") { records, _ in records.endpoints.count == 1 }
        }
        publishing.cancel()
        await publishing.value
        // Without a certificate, and with another authority than the server's.
        options.access = StoreAccess(authorityFile: tls.authority)
        try await Reports.of(source(options, identities)) { reports in _ = try await reports.waitForFailure() }
        let others = Scratch()
        let other = TestCertificates(in: others)
        options.access = StoreAccess(authorityFile: other.authority, certificateFile: tls.certificate, keyFile: tls.key)
        try await Reports.of(source(options, identities)) { reports in
            let failure = try await reports.waitForFailure()
            #expect(failure.code == .unreachable)
            #expect(await reports.records == nil)
        }
        options.access = StoreAccess(authorityFile: others.path + "/none.pem")
        try await Reports.of(source(options, identities)) { reports in
            let failure = try await reports.waitForFailure()
            #expect(failure.code == .refused && failure.what.contains("none.pem"))
        }
    }

    /// The roles that docs/etcd.md describes.
    private func enableRoles(_ etcd: EtcdServer) {
        etcd.control("user", "add", "root:secret")
        etcd.control("user", "grant-role", "root", "root")
        for node in ["node-1", "node-2"] {
            etcd.control("role", "add", node)
            etcd.control("role", "grant-permission", node, "read", "/myelin/", "--prefix=true")
            etcd.control("role", "grant-permission", node, "readwrite", "/myelin/instances/\(node)/", "--prefix=true")
            etcd.control("role", "grant-permission", node, "readwrite", "/myelin/nodes/\(node)")
            etcd.control("user", "add", "\(node):secret-\(node)")
            etcd.control("user", "grant-role", node, node)
        }
        #expect(etcd.control("auth", "enable").status == 0)
    }

    @Test func aNodeWritesBelowItsOwnNameOnly() async throws {
        let etcd = try await EtcdServer([("--auth-token-ttl"), "2"])
        enableRoles(etcd)
        let identities = try await TestIdentities(["wallet"])
        var options = etcd.options
        options.login = EtcdOptions.Login(user: "node-1", passwordFile: etcd.scratch.file("password", "secret-node-1\n"))
        let publisher = StorePublisher(etcd: options, keys: identities.store)
        let publishing = Task { await publisher.run() }
        try await publisher.publish(.of("node-1", ["10.1.0.2:8081": "wallet"]))
        try await Reports.of(source(options, identities)) { reports in
            try await reports.wait("the endpoint") { records, _ in records.endpoints.count == 1 }
            // Tokens end meanwhile, and the users change.
            try await Task.sleep(for: .seconds(3))
            etcd.control("role", "add", "another", user: "root:secret")
            try await publisher.publish(.of("node-1", ["10.1.0.2:8081": "wallet", "10.1.0.3:8081": "wallet"]))
            try await reports.wait("two endpoints") { records, _ in records.endpoints.count == 2 }
            for case .failed(let failure) in await reports.all { Issue.record("\(failure)") }
        }
        let intruder = StorePublisher(etcd: options, keys: identities.store)
        let intruding = Task { await intruder.run() }
        let failure = await #expect(throws: SourceFailure.self) {
            try await intruder.publish(.of("node-2", ["10.1.0.9:8081": "wallet"]))
        }
        #expect(failure?.code == .refused && failure?.what.contains("permission denied") == true)
        intruding.cancel()
        publishing.cancel()
        await intruding.value
        await publishing.value
        #expect(etcd.control("get", "/myelin/instances/node-2/", "--prefix", user: "root:secret").output == "")
        options.login = EtcdOptions.Login(user: "node-1", passwordFile: etcd.scratch.file("password", "wrong"))
        try await Reports.of(source(options, identities)) { reports in
            let failure = try await reports.waitForFailure()
            #expect(failure.code == .refused && failure.advice.contains("password"))
        }
    }

    /// A stolen login that may write everywhere: the records of services need their keys too.
    @Test func whatIsNotSignedByTheServiceIsLeftOut() async throws {
        let etcd = try await EtcdServer()
        let identities = try await TestIdentities(["wallet", "usage"])
        let publisher = StorePublisher(etcd: etcd.options, keys: identities.store)
        let publishing = Task { await publisher.run() }
        try await publisher.publish(.of("node-1", ["10.1.0.2:8081": "wallet", "10.1.0.3:8081": "usage"]))
        let wallet = etcd.get("/myelin/instances/node-1/default/wallet/10.1.0.2:8081")
        let usage = etcd.get("/myelin/instances/node-1/default/usage/10.1.0.3:8081")
        publishing.cancel()
        await publishing.value
        let stolen = "/myelin/instances/node-9/default/wallet/10.9.9.9:8081"
        let moved = wallet.replacing("10.1.0.2", with: "10.9.9.9").replacing("node-1", with: "node-9")
        let source = source(etcd.options, identities)
        try await Reports.of(source) { reports in
            try await reports.wait("nothing") { records, _ in records.isEmpty }
            for (value, refusal) in [
                (moved, AnnouncementRefusal.badSignature), (wallet, .badSignature), (usage, .badSignature),
                (usage.replacing("usage", with: "wallet").replacing("10.1.0.3", with: "10.9.9.9"), .badSignature),
                (#"{"record":"{}"}"#, .unsigned), ("nonsense", .malformed),
            ] {
                etcd.put(stolen, value)
                try await reports.wait(refusal.rawValue) { records, note in
                    records.isEmpty && note.dropped.count == 1 && note.dropped[0].message.contains("[\(refusal.rawValue)]")
                }
                #expect(await source.refusals == [refusal: 1])
                etcd.control("del", stolen)
                try await reports.wait("nothing again") { _, note in note.dropped.isEmpty }
            }
            etcd.put("/myelin/instances/node-1/default/wallet/10.1.0.2:8081", wallet)
            try await reports.wait("the genuine one") { records, _ in records.endpoints == ["wallet 10.1.0.2:8081"] }
        }
    }

    /// A genuine record that somebody kept, and wrote again when its time was over.
    @Test func anOldRecordIsLeftOut() async throws {
        let etcd = try await EtcdServer()
        let identities = try await TestIdentities(["wallet"])
        let publisher = StorePublisher(etcd: etcd.options, keys: identities.store) { Int64(Date().timeIntervalSince1970) - 3657 }
        let publishing = Task { await publisher.run() }
        try await publisher.publish(.of("node-1", ["10.1.0.2:8081": "wallet"]))
        let source = source(etcd.options, identities)
        try await Reports.of(source) { reports in
            try await reports.wait("the endpoint") { records, _ in records.endpoints.count == 1 }
            try await reports.wait("that its time is over", within: .seconds(8)) { records, note in
                records.endpoints.isEmpty && note.dropped.count == 1
            }
            #expect(await source.refusals == [.stale: 1])
        }
        publishing.cancel()
        await publishing.value
    }
}
