import Foundation
import Glibc
import MeshAdmin
import Testing

struct SocketFileTests {
    @Test func ownerAndGroupMayConnect() async throws {
        try await withStatusServer { socket in
            var status = stat()
            #expect(stat(socket, &status) == 0)
            #expect(status.st_mode & 0o7777 == 0o660)
        }
    }

    @Test func socketGoesWithItsServer() async throws {
        try await withDirectory { directory in
            let path = directory + "/s"
            let server = try StatusServer(path: path, source: FakeAdmin(), log: quiet)
            try await serving({ try await server.run(listening: $0) }) { #expect(access(path, F_OK) == 0) }
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == [])
        }
    }

    @Test func refusesASocketThatAnotherServes() async throws {
        try await withStatusServer { socket in
            #expect(throws: AdminFailure.self) { try StatusServer(path: socket, source: FakeAdmin(), log: quiet) }
            _ = try await StatusClient(socket: socket).status()
        }
    }

    @Test func refusesASocketThatAnotherServesSinceItWasMade() async throws {
        try await withDirectory { directory in
            let path = directory + "/s"
            let late = try StatusServer(path: path, source: FakeAdmin(), log: quiet)
            let early = try StatusServer(path: path, source: FakeAdmin(), log: quiet)
            try await serving({ try await early.run(listening: $0) }) {
                await #expect(throws: AdminFailure.self) { try await late.run() }
                _ = try await StatusClient(socket: path).status()
            }
        }
    }

    @Test func replacesASocketThatNobodyServes() async throws {
        try await withDirectory { directory in
            let path = directory + "/s"
            do { _ = PlainSocket(bound: path, listening: true) }
            #expect(access(path, F_OK) == 0)
            let server = try StatusServer(path: path, source: FakeAdmin(), log: quiet)
            try await serving({ try await server.run(listening: $0) }) { _ = try await StatusClient(socket: path).status() }
        }
    }

    @Test func leavesAFileThatIsNoSocket() async throws {
        try await withDirectory { directory in
            let path = directory + "/s"
            try Data("precious".utf8).write(to: URL(fileURLWithPath: path))
            #expect(throws: AdminFailure.self) { try StatusServer(path: path, source: FakeAdmin(), log: quiet) }
            #expect(FileManager.default.contents(atPath: path) == Data("precious".utf8))
        }
    }

    @Test func leavesTheSocketOfItsSuccessor() async throws {
        try await withDirectory { directory in
            let path = directory + "/s"
            let server = try StatusServer(path: path, source: FakeAdmin(), log: quiet)
            try await serving({ try await server.run(listening: $0) }) {
                // The inode must stay in use, or the successor's may be the same.
                #expect(rename(path, directory + "/old") == 0)
                _ = PlainSocket(bound: path, listening: true)
            }
            #expect(access(path, F_OK) == 0)
        }
    }

    @Test func refusesAPathThatDoesNotFit() {
        let path = "/tmp/" + String(repeating: "x", count: 92)
        #expect(throws: AdminFailure.self) { try StatusServer(path: path, source: FakeAdmin(), log: quiet) }
    }

    @Test func saysThatADirectoryIsMissing() async throws {
        let server = try StatusServer(path: "/tmp/myelin-no-such-directory/s", source: FakeAdmin(), log: quiet)
        await #expect(throws: AdminFailure.self) { try await server.run() }
    }
}
