import Foundation
import MeshAuthority
import MeshIdentity
import MeshTLS
import MeshTypes
import Synchronization
import Testing

/// A node and its authority, over real sockets.
@Suite(.serialized) struct JoiningTests {
    @Test func aNodeJoinsOnceAndGetsCertificatesOfItsServices() async throws {
        let served = try ServedAuthority()
        try await served.start()
        served.book.place("wallet", on: "node-2")
        let token = try served.token("node-2")
        let node = try served.node("node-2", token: token)
        let issued = try await node.patientCertificate("wallet")
        let leaf = try ChainCheck.verify(
            issued.chainDER, trust: TrustBundle(rootsDER: try await node.trustedRoots()), purpose: .server)
        #expect(leaf.uri == "spiffe://daarion.city/ns/default/sa/wallet")
        #expect(try await node.trustedRoots() == [served.authority.rootDER])
        #expect(served.desk.statistics.joined == 1)
        // The token is used up: another one who found it gets nothing.
        let thief = try served.node("node-2b", token: token)
        #expect(await eventually { await code { _ = try await thief.certificate("wallet") } == .token })
        #expect(served.desk.statistics.refused[.token] ?? 0 >= 1)
        await served.stop()
    }

    /// Machines that both believe to be node-2, over real connections.
    @Test func ofSeveralNodesWithOneTokenExactlyOneJoins() async throws {
        let served = try ServedAuthority()
        try await served.start()
        let token = try served.token("node-2")
        let nodes = try (0..<5).map { try served.node("node-2", token: token, place: "twin-\($0)") }
        let outcomes = await withTaskGroup(of: AuthorityFailure.Code?.self) { group in
            for node in nodes { group.addTask { await code { _ = try await node.trustedRoots() } } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.count { $0 == nil } == 1 && outcomes.count { $0 == .token } == 4, "\(outcomes)")
        #expect(served.desk.statistics.joined == 1)
        await served.stop()
    }

    /// Threads that ask the desk at the same moment, without a network that would put them in a row.
    @Test func ofManyQuestionsAtOnceWithOneTokenExactlyOneIsAnswered() throws {
        let served = try ServedAuthority()
        for _ in 0..<20 {
            let token = try served.token("node-2")
            let requests = try (0..<8).map { _ in try NodeCredential.newRequest().requestDER }
            let answers = Mutex<[AuthorityFailure.Code?]>([])
            DispatchQueue.concurrentPerform(iterations: requests.count) { index in
                var code: AuthorityFailure.Code?
                do throws(AuthorityFailure) {
                    _ = try served.desk.join(id: token.id, secret: token.secret, node: "node-2", requestDER: requests[index])
                } catch { code = error.code }
                answers.withLock { $0.append(code) }
            }
            let found = answers.withLock { $0 }
            #expect(found.count { $0 == nil } == 1 && found.count { $0 == .token } == 7, "\(found)")
        }
        #expect(served.desk.statistics.joined == 20)
    }

    /// What the authority lacks is not the node's fault.
    @Test func anAuthorityThatCannotSignCostsNoToken() throws {
        let served = try ServedAuthority()
        let token = try served.token("node-2")
        let request = try NodeCredential.newRequest().requestDER
        func join(now: Date = Date()) -> AuthorityFailure.Code? {
            do throws(AuthorityFailure) {
                _ = try served.desk.join(id: token.id, secret: token.secret, node: "node-2", requestDER: request, now: now)
                return nil
            } catch { return error.code }
        }
        // Nothing can be recorded: as on a full disk, for root too.
        let journal = served.authority.directory + "/issued.jsonl"
        try FileManager.default.createDirectory(atPath: journal, withIntermediateDirectories: false)
        #expect(join() == .storage)
        try FileManager.default.removeItem(atPath: journal)
        #expect(join() == nil)
        #expect(join() == .token)
        #expect(served.desk.statistics.joined == 1)
    }

    @Test func anExpiredIntermediateCostsNoToken() async throws {
        let root = try CorporateRoot()
        let source = try root.intermediate("a", days: 1)
        let served = try ServedAuthority(source: source)
        let token = try served.token("node-2", lifetime: TokenStore.longestLifetime)
        let request = try NodeCredential.newRequest().requestDER
        func join(now: Date) throws(AuthorityFailure) {
            _ = try served.desk.join(id: token.id, secret: token.secret, node: "node-2", requestDER: request, now: now)
        }
        let tomorrow = Date(timeIntervalSinceNow: 2 * 24 * 3600)
        #expect(await code { try join(now: tomorrow) } == .validity)
        // The operator has it renewed; a missing file meanwhile leaves the last good one in force.
        _ = try root.intermediate("a", days: 10)
        #expect(await code { try join(now: tomorrow) } == nil)
        #expect(await code { try join(now: tomorrow) } == .token)
    }

    @Test func aRestartedNodeNeedsNoToken() async throws {
        let served = try ServedAuthority()
        try await served.start()
        served.book.place("wallet", on: "node-2")
        _ = try await served.node("node-2", token: try served.token("node-2")).patientCertificate("wallet")
        let kept = "\(served.path)/node-2/authority/node.pem"
        let mode = try FileManager.default.attributesOfItem(atPath: kept)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        let again = try served.node("node-2", token: nil)
        _ = try await again.patientCertificate("wallet")
        #expect(served.desk.statistics.joined == 1)
        await served.stop()
    }

    /// It waits for a change, and the authority answers when there is one.
    @Test func aNodeThatStopsDoesNotWaitForTheAuthority() async throws {
        let served = try ServedAuthority()
        try await served.start()
        let node = try served.node("node-2", token: try served.token("node-2"))
        let running = Task { await node.run() }
        #expect(await eventually { await code { _ = try await node.trustedRoots() } == nil })
        try await Task.sleep(for: .seconds(1))
        let start = ContinuousClock.now
        running.cancel()
        await running.value
        #expect(ContinuousClock.now - start < .seconds(1))
        await served.stop()
    }

    @Test func refusesTheCertificateOfAServiceThatIsElsewhere() async throws {
        let served = try ServedAuthority()
        try await served.start()
        served.book.place("wallet", on: "node-1")
        served.book.place("usage", on: "node-2")
        let node = try served.node("node-2", token: try served.token("node-2"))
        #expect(await eventually { await code { _ = try await node.certificate("wallet") } == .notPlaced })
        #expect(served.desk.statistics.refused[.notPlaced] ?? 0 >= 1)
        #expect(served.desk.statistics.services == 0)
        _ = try await node.patientCertificate("usage")
        #expect(await node.status.lastError == nil, "one refusal says nothing of the rest")
        await served.stop()
    }

    @Test func refusesTokensOfOthersAndOfYesterday() async throws {
        let served = try ServedAuthority()
        try await served.start()
        let foreign = try served.node("node-2", token: try served.token("node-3"))
        #expect(await eventually { await code { _ = try await foreign.trustedRoots() } == .token })
        let old = try served.token("node-4", lifetime: .seconds(60), now: Date(timeIntervalSinceNow: -61))
        let late = try served.node("node-4", token: old)
        #expect(await eventually { await code { _ = try await late.trustedRoots() } == .token })
        await served.stop()
    }

    /// The token names the authority: whoever answers in its place is refused before the secret is sent.
    @Test func doesNotJoinAnotherAuthority() async throws {
        let served = try ServedAuthority()
        let impostor = try ServedAuthority()
        try await impostor.start()
        let node = try served.node("node-2", token: try served.token("node-2"), servers: [impostor.address])
        #expect(await eventually { await code { _ = try await node.trustedRoots() } == .token })
        #expect(impostor.desk.statistics.refused.isEmpty, "the secret was not shown to it")
        await impostor.stop()
    }

    /// A service's certificate is of the same authority and serves for no node.
    @Test func takesNoServiceForANode() async throws {
        let served = try ServedAuthority()
        try await served.start()
        served.book.place("wallet", on: "node-2")
        let (keyPEM, request) = try NodeCredential.newRequest()
        let issued = try served.authority.issue(
            .service(.of("wallet")), publicKeyDER: try CertificateRequest(der: request).publicKeyDER, lifetime: .seconds(600), now: Date(),
            to: "node-2")
        let pem = served.path + "/wallet.pem"
        try Data((keyPEM + "\n" + pemText(issued.chainDER)).utf8).write(to: URL(fileURLWithPath: pem))
        let roots = served.path + "/roots.pem"
        try Data(pemText([served.authority.rootDER]).utf8).write(to: URL(fileURLWithPath: roots))
        let port = served.address.port
        let answer = await run(
            "curl", "-sS", "--noproxy", "*", "--max-time", "30", "--cacert", roots, "--cert", pem, "--connect-to",
            "authority.ca.myelin.svc:\(port):127.0.0.1:\(port)", "https://authority.ca.myelin.svc:\(port)/v1/trust")
        #expect(answer.output.contains("not_a_node"), "\(answer)")
        let nobody = await run(
            "curl", "-sS", "--noproxy", "*", "--max-time", "30", "--cacert", roots, "--connect-to",
            "authority.ca.myelin.svc:\(port):127.0.0.1:\(port)", "https://authority.ca.myelin.svc:\(port)/v1/trust")
        #expect(nobody.output.contains("not_a_node"), "\(nobody)")
        let old = await run(
            "curl", "-sS", "--noproxy", "*", "--max-time", "30", "--cacert", roots, "--tls-max", "1.2", "--connect-to",
            "authority.ca.myelin.svc:\(port):127.0.0.1:\(port)", "https://authority.ca.myelin.svc:\(port)/v1/roots")
        #expect(old.status != 0, "TLS 1.2 is not spoken")
        await served.stop()
    }

    /// What a node in the wrong hands could send to wear the authority out.
    @Test func refusesWhatIsTooLongOrNoQuestion() async throws {
        let served = try ServedAuthority()
        try await served.start()
        _ = try await served.node("node-2", token: try served.token("node-2")).trustedRoots()
        let files = served.path + "/node-2/authority"
        let port = served.address.port
        try String(repeating: "x", count: 20_000).write(toFile: served.path + "/long", atomically: true, encoding: .utf8)
        for body in ["@" + served.path + "/long", "{", "{\"request\":\"AAAA\",\"service\":\"wallet\",\"namespace\":\"default\"}"] {
            let answer = await run(
                "curl", "-sS", "--noproxy", "*", "--max-time", "30", "--cacert", files + "/roots.pem", "--cert", files + "/node.pem",
                "--data-binary", body, "--connect-to", "authority.ca.myelin.svc:\(port):127.0.0.1:\(port)",
                "https://authority.ca.myelin.svc:\(port)/v1/service")
            #expect(answer.output.contains("\"code\":\"request\""), "\(answer)")
        }
        #expect(served.desk.statistics.refused[.request] == 3)
        await served.stop()
    }

    @Test func asksTheNextServerWhenOneIsAwayAndComesBack() async throws {
        let served = try ServedAuthority()
        try await served.start()
        served.book.place("wallet", on: "node-2")
        let nobody = SocketAddress(ip: .v4Loopback, port: 1)
        let node = try served.node("node-2", token: try served.token("node-2"), servers: [nobody, served.address])
        _ = try await node.patientCertificate("wallet")
        #expect(await node.status.server == served.address)
        await served.stop()
        #expect(await code { _ = try await node.certificate("wallet") } == .unreachable)
        let start = ContinuousClock.now
        #expect(await code { _ = try await node.certificate("wallet") } == .unreachable)
        #expect(ContinuousClock.now - start < .milliseconds(300), "nobody is asked during a pause")
        #expect(try await node.trustedRoots() == [served.authority.rootDER])
        try await served.start()
        #expect(await eventually { (try? await node.certificate("wallet")) != nil })
        await served.stop()
    }

    @Test func takesRevocationsAndRootsWithinSeconds() async throws {
        let served = try ServedAuthority()
        try await served.start()
        served.book.place("wallet", on: "node-2")
        let node = try served.node("node-2", token: try served.token("node-2"))
        let issued = try await node.patientCertificate("wallet")
        let following = Task { await node.run() }
        let serial = try ChainCheck.read(issued.chainDER[0]).serial
        let order = RevocationOrder(.serial(serial), reason: .keyCompromise)
        #expect(try order.apply(directory: served.authority.directory, trustDomain: ServedAuthority.trustDomain) == 1)
        #expect(await eventually { (try? await node.revocations().contains(serial)) == true })
        let rotation = RootRotation(directory: served.authority.directory, trustDomain: ServedAuthority.trustDomain)
        try rotation.prepare()
        #expect(await eventually { (try? await node.trustedRoots().count) == 2 })
        try rotation.activate(force: true)
        // The node renews its own certificate, so that the root before can go.
        #expect(await eventually { served.desk.statistics.nodes >= 1 })
        let fresh = try await node.patientCertificate("wallet")
        let newRoot = served.authority.rootDER
        #expect((try? ChainCheck.verify(fresh.chainDER, trust: TrustBundle(rootsDER: [newRoot]), purpose: .server)) != nil)
        try rotation.retire(lifetime: .seconds(60), force: true)
        #expect(await eventually { (try? await node.trustedRoots()) == [newRoot] })
        _ = try await node.patientCertificate("wallet")
        following.cancel()
        await served.stop()
    }

    @Test func aRevokedNodeGetsNothingUntilItIsRestoredAndJoinsAnew() async throws {
        let served = try ServedAuthority()
        try await served.start()
        served.book.place("wallet", on: "node-2")
        let node = try served.node("node-2", token: try served.token("node-2"))
        let issued = try await node.patientCertificate("wallet")
        let directory = served.authority.directory
        let count = try RevocationOrder(.node("node-2"), reason: .keyCompromise).apply(
            directory: directory, trustDomain: ServedAuthority.trustDomain)
        #expect(count == 2, "its own certificate and its service's")
        #expect(await eventually { await code { _ = try await node.certificate("wallet") } == .revoked })
        #expect(try served.authority.trust().revoked.contains(ChainCheck.read(issued.chainDER[0]).serial))
        #expect(throws: AuthorityFailure.self) { _ = try served.token("node-2") }
        #expect(try RevocationOrder.restore(node: "node-2", directory: directory))
        #expect(
            await eventually { await code { _ = try await node.certificate("wallet") } == .revoked }, "its old certificate stays revoked")
        try served.put(try served.token("node-2"), for: "node-2")
        _ = try await node.patientCertificate("wallet")
        await served.stop()
    }
}

func pemText(_ chain: [[UInt8]]) -> String {
    chain.map {
        "-----BEGIN CERTIFICATE-----\n\(Data($0).base64EncodedString(options: .lineLength64Characters))\n-----END CERTIFICATE-----\n"
    }
    .joined()
}

/// A program's exit status and output. The threads of tasks are the server's meanwhile, which the program talks to.
func run(_ arguments: String...) async -> (status: Int32, output: String) { await run(arguments[0], Array(arguments.dropFirst())) }

func run(_ program: String, _ arguments: [String]) async -> (status: Int32, output: String) {
    await withCheckedContinuation { continuation in
        Thread.detachNewThread {
            let process = Process()
            let pipe = Pipe()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = [program] + arguments
            process.standardOutput = pipe
            process.standardError = pipe
            try! process.run()
            let data = pipe.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            continuation.resume(returning: (process.terminationStatus, String(decoding: data, as: UTF8.self)))
        }
    }
}
