import Foundation
import Glibc
import MeshTelemetry
import MeshTypes
import Testing

/// The access log on files that fill, stall or go away.
@Suite struct LineFileTests {
    private static func flow() -> FlowRecord {
        var record = FlowRecord()
        record.destinationAddress = SocketAddress("240.64.0.1:80")!
        return record
    }

    private func log(_ ring: FlowRing, _ path: String) -> FlowLog {
        FlowLog(rings: [ring], names: { _ in nil }, trustDomain: "t", output: .file(path))
    }

    private static func path() -> String { NSTemporaryDirectory() + "myelin-lines-" + UUID().uuidString }

    private static func failures(_ log: FlowLog) -> Int? {
        let name = "myelin_access_log_write_errors_total "
        let line = MetricFamily.exposition(log.families()).split(separator: "\n").first { $0.hasPrefix(name) }
        return line.flatMap { Int($0.dropFirst(name.count)) }
    }

    @Test func aPipeThatNobodyReadsNeitherStopsTheLogNorItsReaders() throws {
        let path = Self.path()
        try #require(mkfifo(path, 0o600) == 0)
        defer { unlink(path) }
        // Open at both ends and never read: the pipe takes 64 KiB, then nothing.
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        defer { close(descriptor) }
        let ring = FlowRing(capacity: 4096)
        let log = log(ring, path)
        for _ in 0..<4096 { ring.push(Self.flow()) }
        log.start()
        let clock = ContinuousClock()
        let asking = clock.measure {
            log.reopen()
            _ = log.families()
        }
        let stopping = clock.measure { log.stop() }
        #expect(asking < .milliseconds(500))
        #expect(stopping < .seconds(5))
        #expect(Self.failures(log) == 1)
        #expect(log.writeError?.contains("timed out") == true)
    }

    @Test func afterTheWriteThatStoppedInsideALineTheNextOneIsWhole() async throws {
        let path = Self.path()
        try #require(mkfifo(path, 0o600) == 0)
        defer { unlink(path) }
        let descriptor = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK)
        defer { close(descriptor) }
        let ring = FlowRing(capacity: 4096)
        let log = log(ring, path)
        for _ in 0..<4096 { ring.push(Self.flow()) }
        log.start()
        for _ in 0..<500 where Self.failures(log) != 1 { try await Task.sleep(for: .milliseconds(10)) }
        try #require(Self.failures(log) == 1)
        let before = Self.readAll(descriptor)
        #expect(before.last != UInt8(ascii: "\n"))
        ring.push(Self.flow())
        log.stop()
        #expect(log.writeError == nil)
        let after = String(decoding: Self.readAll(descriptor), as: UTF8.self)
        #expect(after.hasPrefix("\n{") && after.hasSuffix("}\n"))
        #expect(try JSONSerialization.jsonObject(with: Data(after.utf8)) is [String: Any])
    }

    @Test func aDirectoryThatIsMissingIsCountedAndTriedAgain() async throws {
        let directory = Self.path()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let ring = FlowRing(capacity: 16)
        let log = log(ring, directory + "/access.log")
        ring.push(Self.flow())
        log.start()
        for _ in 0..<500 where log.writeError == nil { try await Task.sleep(for: .milliseconds(10)) }
        #expect(Self.failures(log) == 1)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        ring.push(Self.flow())
        log.stop()
        #expect(log.writeError == nil)
        #expect(try String(contentsOfFile: directory + "/access.log", encoding: .utf8).count { $0 == "\n" } == 1)
    }

    private static func readAll(_ descriptor: Int32) -> [UInt8] {
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return result }
            result += buffer[..<count]
        }
    }
}
