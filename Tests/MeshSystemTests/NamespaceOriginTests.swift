import Foundation
import MeshSystem
import Testing

/// Who made a network namespace.
@Suite struct NamespaceOriginTests {
    /// Runs `command` until the namespace behind its process has been looked at.
    private func isNodes(_ command: [String]) throws -> Bool {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command + ["sh", "-c", "echo ready; exec sleep 60"]
        process.standardOutput = output
        try process.run()
        defer {
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
        try #require(output.fileHandleForReading.availableData.count > 0, "\(command) has ended")
        return try NamespaceOrigin.isNodes(NetworkNamespace(path: "/proc/\(process.processIdentifier)/ns/net"))
    }

    @Test func theOwnOneIsTheNodes() throws {
        #expect(try NamespaceOrigin.isNodes(NetworkNamespace.current()))
    }

    @Test(.enabled(if: geteuid() == 0 || ProcessInfo.processInfo.environment["CI"] == "true", "needs root"))
    func oneOfRootIsTheNodesAndOneOfAUserNamespaceIsNot() throws {
        #expect(try isNodes(["unshare", "--net"]))
        #expect(try !isNodes(["unshare", "--user", "--map-root-user", "--net"]))
        let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]
        #expect(try !isNodes(nobody + ["unshare", "--user", "--map-root-user", "--net"]))
    }

    /// `ip netns attach` and container runtimes that remap users: root gave it a name.
    @Test(.enabled(if: geteuid() == 0 || ProcessInfo.processInfo.environment["CI"] == "true", "needs root"))
    func oneWithANameIsTheNodes() throws {
        let name = "myelin-origin-\(getpid())"
        let script =
            "unshare --user --map-root-user --net sh -c 'echo ready; exec sleep 60' & child=$!; sleep 0.5; "
            + "ip netns attach \(name) $child && nsenter --net=/run/netns/\(name) true; echo $child"
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", script + "; exec sleep 60"]
        process.standardOutput = output
        try process.run()
        var text = ""
        while text.split(separator: "\n").count < 2 {
            let data = output.fileHandleForReading.availableData
            guard !data.isEmpty else { break }
            text += String(decoding: data, as: UTF8.self)
        }
        let child = try #require(text.split(separator: "\n").compactMap { Int32($0) }.first, "\(text)")
        defer {
            kill(child, SIGKILL)
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            umount2("/run/netns/\(name)", Int32(MNT_DETACH))
            unlink("/run/netns/\(name)")
        }
        #expect(try NamespaceOrigin.isNodes(NetworkNamespace(path: "/proc/\(child)/ns/net")))
    }
}
