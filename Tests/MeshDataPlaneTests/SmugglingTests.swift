import Foundation
import Glibc
import MeshTypes
import Testing

/// The corpus of requests that two programs could read in two ways, sent through the mesh to servers as they are: none of them may see
/// another request than the mesh did.
extension DataPlaneTests {
    @Suite struct SmugglingTests {
        @Test(arguments: RealServer.Kind.allCases)
        func noServerSeesAnotherRequestThanTheMesh(_ kind: RealServer.Kind) async throws {
            let server = try RealServer(kind)
            defer { server.stop() }
            let mesh = try await TwoNodes(endpoints: [server.address], speaks: .http, isLocal: true)
            // HTTP/2's preface is no refused request here, but the start of HTTP/2.
            let messages = try CorpusMessage.all().filter { !$0.line.hasPrefix("PRI ") }
            #expect(messages.count >= 150)
            var expected: [String] = []
            for message in messages {
                let before = server.requests.count
                let caller = try HTTPCaller(mesh)
                // What follows on the connection is a request of its own, or is never looked at.
                _ = caller.socket.write(message.bytes + Array("GET /following HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".utf8))
                let statuses = Self.statuses(caller.socket.readAll().bytes)
                if let refusal = message.status {
                    #expect(statuses == [refusal], "\(message.name)")
                } else {
                    let passed = message.endsConnection ? [message.line] : [message.line, "GET /following"]
                    #expect(Self.await(passed.count, server, after: before) == passed, "\(message.name): \(statuses)")
                    expected += passed
                }
            }
            usleep(300_000)
            // Of a body that goes wrong the server may have seen the head, and nothing after it.
            var heads = messages.filter { $0.status != nil && $0.isBody }.map(\.line)
            for request in server.requests {
                if let index = expected.firstIndex(of: request) {
                    expected.remove(at: index)
                } else if let index = heads.firstIndex(of: request) {
                    heads.remove(at: index)
                } else {
                    Issue.record("the server saw \(request), which nobody sent as a request")
                }
            }
            #expect(expected.isEmpty)
        }

        /// Of the answers that came, without interim ones.
        private static func statuses(_ bytes: [UInt8]) -> [Int] {
            String(decoding: bytes, as: UTF8.self).components(separatedBy: "HTTP/1.1 ").dropFirst().compactMap { Int($0.prefix(3)) }
                .filter { $0 >= 200 }
        }

        /// A server may write its log a moment after its answer.
        private static func await(_ count: Int, _ server: RealServer, after before: Int) -> [String] {
            for _ in 0..<200 where server.requests.count - before < count { usleep(5_000) }
            return Array(server.requests.dropFirst(before))
        }
    }
}

/// A line of the parsers' corpus.
private struct CorpusMessage {
    /// nil for a request that is passed on.
    let status: Int?
    let name: String
    let bytes: [UInt8]
    /// What is wrong with it, if anything, stands in its body.
    let isBody: Bool

    private var text: String { String(decoding: bytes, as: UTF8.self) }
    var endsConnection: Bool { text.contains("connection: close") || text.contains("HTTP/1.0") }

    /// Method and target as an endpoint sees them.
    var line: String {
        let words = text.split(separator: "\r\n").first?.split(separator: " ") ?? []
        guard words.count > 1 else { return "" }
        let target = words[1].replacing(/http:\/\/[aAb](:81)?/, with: "")
        return "\(words[0]) \(!target.isEmpty ? String(target) : words[0] == "OPTIONS" ? "*" : "/")"
    }

    static func all() throws -> [CorpusMessage] {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("MeshProtocolsTests/Corpus/http1/requests.txt")
        return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
            let parts = line.split(separator: " ", maxSplits: 3)
            return CorpusMessage(
                status: Int(parts[0]), name: "\(parts[2]) (§\(parts[1]))", bytes: unescaped(String(parts[3])),
                isBody: parts[1].hasPrefix("7.1"))
        }
    }

    /// The escapes by a regular expression here, so that the two readers of the corpus check each other.
    private static func unescaped(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = text[...]
        while let match = rest.firstMatch(of: /\\x([0-9a-f]{2})|\\(.)|\((.)\*([0-9]+)\)/) {
            bytes += rest[..<match.range.lowerBound].utf8
            if let hex = match.1 { bytes.append(UInt8(hex, radix: 16)!) }
            if let escape = match.2 { bytes += (["r": "\r", "n": "\n", "t": "\t"][String(escape)] ?? String(escape)).utf8 }
            if let character = match.3, let count = match.4.flatMap({ Int($0) }) {
                bytes += String(repeating: String(character), count: count).utf8
            }
            rest = rest[match.range.upperBound...]
        }
        return bytes + rest.utf8
    }
}
