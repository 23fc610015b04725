import Foundation
import MeshAdmin
import Testing

/// The built `myelinctl`, run as people run it.
struct ControlProgramTests {
    private struct Outcome {
        let status: Int32
        let output: String
        let complaint: String
    }

    /// Beside the running tests, where the build puts both.
    private static let program: String = {
        var directory = URL(fileURLWithPath: (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "/")
            .deletingLastPathComponent()
        while directory.pathExtension == "xctest" { directory.deleteLastPathComponent() }
        return (ProcessInfo.processInfo.environment["MYELIN_BINARIES"] ?? directory.path) + "/myelinctl"
    }()

    private func process(_ arguments: [String], environment: [String: String] = [:]) -> (Process, Pipe, Pipe) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Self.program)
        process.arguments = arguments
        process.environment = environment
        let (output, complaint) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = complaint
        return (process, output, complaint)
    }

    private func run(_ arguments: [String], environment: [String: String] = [:]) async throws -> Outcome {
        let (process, output, complaint) = process(arguments, environment: environment)
        // The answers fit into a pipe.
        let (ended, signal) = AsyncStream.makeStream(of: Void.self)
        process.terminationHandler = { _ in signal.finish() }
        try process.run()
        for await _ in ended {}
        return Outcome(
            status: process.terminationStatus, output: String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self),
            complaint: String(decoding: complaint.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self))
    }

    @Test(arguments: [
        "status", "workloads", "services", "endpoints", "certificates", "policies", "connections", "flows", "dns", "config",
    ])
    func everyCommandShowsATableAndJSON(command: String) async throws {
        try await withStatusServer { socket in
            let table = try await run([command, "--socket", socket])
            #expect(table.status == 0 && !table.output.isEmpty && table.complaint.isEmpty, "\(table)")
            let json = try await run([command, "--socket", socket, "-o", "json"])
            #expect(json.status == 0)
            _ = try JSONSerialization.jsonObject(with: Data(json.output.utf8))
        }
    }

    @Test func columnsAreAligned() async throws {
        try await withStatusServer { socket in
            let lines = try await run(["workloads", "--socket", socket]).output.split(separator: "\n").map(String.init)
            #expect(
                lines == [
                    "SERVICE                  STATE     MTLS        NETWORK   CONNECTIONS  REFUSED  CGROUP  REASON",
                    "default/wallet           captured  required    host      -            -        /w      -",
                    "default/usage-collector  waiting   permissive  10.1.0.2  -            -        /u      no process yet",
                ])
        }
    }

    @Test func aNameCannotMoveTheCursor() async throws {
        try await withStatusServer(FakeAdmin(reason: "a\u{1b}[2Jb\nc\u{9b}d")) { socket in
            let table = try await run(["workloads", "--socket", socket])
            #expect(table.output.contains(#"a\u{1b}[2Jb\u{a}c\u{9b}d"# + "\n"))
        }
    }

    @Test func statusTellsWorkersThatLagAndProblems() async throws {
        try await withStatusServer { socket in
            let output = try await run(["status", "--socket", socket]).output
            #expect(output.contains("generation 9, workers have [9, 8]"))
            #expect(output.contains("up 2h1m"))
            #expect(output.contains("PROBLEM: policy wallet.yaml:3:1: unknown key\n         correct it"))
        }
    }

    @Test func endpointsMayBeOfOneService() async throws {
        try await withStatusServer { socket in
            let output = try await run(["endpoints", "wallet", "--socket", socket]).output
            #expect(output.contains("default/wallet") && !output.contains("default/usage"))
        }
    }

    @Test func environmentNamesTheSocket() async throws {
        try await withStatusServer { socket in
            let outcome = try await run(["status"], environment: ["MYELIN_SOCKET": socket])
            #expect(outcome.status == 0)
        }
    }

    @Test(arguments: [("usage", 0, "may call"), ("oracle", 1, "may not call"), ("nobody", 1, "")] as [(String, Int32, String)])
    func explainEndsWithTheVerdict(destination: String, status: Int32, text: String) async throws {
        try await withStatusServer { socket in
            let outcome = try await run(["explain", "wallet", destination, "--socket", socket])
            #expect(outcome.status == status)
            #expect(text.isEmpty ? outcome.complaint.contains("myelinctl services") : outcome.output.contains(text))
        }
    }

    @Test func optionsMayStandBeforeTheCommand() async throws {
        let before = try await run(["--socket", "/nowhere", "-o", "json", "status"])
        let after = try await run(["status", "--socket", "/nowhere", "-o", "json"])
        #expect(before.status == 2 && after.status == 2)
        #expect(before.complaint == after.complaint && before.complaint.contains("/nowhere"))
    }

    @Test(arguments: ["status", "workloads", "flows", "config"])
    func absenceOfTheDaemonHasAStatusAndARemedy(command: String) async throws {
        let outcome = try await run([command, "--socket", "/tmp/myelin-none"])
        #expect(outcome.status == 2)
        #expect(outcome.output.isEmpty)
        #expect(outcome.complaint.contains("/tmp/myelin-none") && outcome.complaint.contains("systemctl"))
    }

    @Test(arguments: [
        ["nothing"], ["status", "--nothing"], ["explain", "wallet"], ["flows", "--limit", "5000"], ["status", "-o", "xml"],
    ])
    func wrongUsageHasItsStatus(arguments: [String]) async throws {
        let outcome = try await run(arguments)
        #expect(outcome.status == 64)
    }

    @Test func checkFindsWhatTheDaemonFinds() async throws {
        try await withStatusServer(FakeAdmin(outcome: .error)) { socket in
            let outcome = try await run(["check", "--socket", socket])
            #expect(outcome.status == 1)
            #expect(outcome.output.contains { $0 == "\n" } && outcome.output.contains("restart"))
        }
    }

    @Test func checkLooksAtTheMachineWithoutADaemon() async throws {
        let outcome = try await run(["check", "--socket", "/tmp/myelin-none", "-o", "json"])
        #expect(outcome.status == 1)
        let findings = try JSONDecoder().decode([CheckView].self, from: Data(outcome.output.utf8))
        #expect(findings.map(\.name) == ["kernel", "btf", "cgroup", "bpffs", "user", "socket", "daemon"])
        #expect(findings.suffix(2).allSatisfy { $0.outcome == .error && !$0.remedy.isEmpty })
    }

    @Test func followPrintsFlowsAsTheyEndAndSaysThatTheDaemonWent() async throws {
        let fake = FakeAdmin()
        let (process, output, _) = process(["flows", "--follow", "-o", "json"])
        let (ended, signal) = AsyncStream.makeStream(of: Void.self)
        process.terminationHandler = { _ in signal.finish() }
        try await withStatusServer(fake) { socket in
            process.environment = ["MYELIN_SOCKET": socket]
            try process.run()
            #expect(await eventually { fake.followerCount == 1 })
            fake.send(FakeAdmin.flow(denied: true))
            // Only one line is sent, and it is shorter than a pipe's guarantee of atomicity.
            let line = output.fileHandleForReading.availableData
            let object = try #require(try JSONSerialization.jsonObject(with: line) as? [String: Any])
            #expect(object["reason"] as? String == "not_allowed" && object["bytes_sent"] as? Int == 5)
        }
        for await _ in ended {}
        #expect(process.terminationStatus == 2)
    }
}
