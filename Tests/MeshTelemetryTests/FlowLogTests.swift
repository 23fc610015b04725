import Foundation
import MeshTelemetry
import MeshTypes
import Testing

@Suite struct FlowLogTests {
    private static let names: @Sendable (ServiceID) -> ServiceIdentity? = { id in
        switch id.rawValue {
        case 1: ServiceIdentity(namespace: "default", name: ServiceName("wallet")!)
        case 2: ServiceIdentity(namespace: "default", name: ServiceName("usage")!)
        default: nil
        }
    }

    private func log(_ rings: [FlowRing], _ output: AccessLogOutput) -> FlowLog {
        FlowLog(rings: rings, names: Self.names, trustDomain: "daarion.city", output: output)
    }

    private static func flow(_ reason: DenialReason = .none) -> FlowRecord {
        var record = FlowRecord()
        record.start = 1_764_000_000_123_000_000
        record.duration = 1_500_000
        record.sent = 10
        record.received = 20
        record.source = ServiceID(rawValue: 1)
        record.destination = ServiceID(rawValue: 2)
        record.sourceAddress = SocketAddress("10.0.0.1:4000")!
        record.destinationAddress = SocketAddress("240.64.0.1:80")!
        record.endpoint = SocketAddress("[fd00::2]:8080")!
        record.path = .tunnel
        record.identityVerified = true
        record.reason = reason
        record.ending = reason == .none ? .closed : .refused
        return record
    }

    @Test func aLineSaysWhoCalledWhomAndHowItEnded() throws {
        let path = NSTemporaryDirectory() + "myelin-access-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: path) }
        let ring = FlowRing(capacity: 16)
        let log = log([ring], .file(path))
        log.start()
        ring.push(Self.flow())
        log.stop()
        let line = try String(contentsOfFile: path, encoding: .utf8)
        #expect(line.hasSuffix("}\n") && line.count { $0 == "\n" } == 1)
        let fields = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(fields["time"] as? String == "2025-11-24T16:00:00.123Z")
        #expect(fields["bytes_sent"] as? Int == 10 && fields["bytes_received"] as? Int == 20 && fields["duration_ms"] as? Double == 1.5)
        #expect(fields["identity_verified"] as? Bool == true && fields["verdict"] as? String == "allowed")
        let source = try #require(fields["source"] as? [String: Any])
        #expect(
            source["spiffe"] as? String == "spiffe://daarion.city/ns/default/sa/wallet" && source["address"] as? String == "10.0.0.1:4000")
        let destination = try #require(fields["destination"] as? [String: Any])
        #expect(destination["endpoint"] as? String == "[fd00::2]:8080")
    }

    /// What a caller writes into a path, or a log's reader sees of it, steers no terminal.
    @Test func aPathOfControlsIsEscaped() throws {
        let path = NSTemporaryDirectory() + "myelin-access-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: path) }
        let ring = FlowRing(capacity: 16)
        let log = log([ring], .file(path))
        log.start()
        var record = Self.flow()
        record.request.isPresent = true
        // CSI in C1, a mark of direction, DEL, ESC, and bytes that are no UTF-8.
        let bytes: [UInt8] = Array("/a\u{9b}2J\u{202e}\u{7f}\u{1b}[2J".utf8) + [0xff, 0xc0, 0x80]
        bytes.withUnsafeBytes { record.request.setPath($0) }
        ring.push(record)
        log.stop()
        let line = try String(contentsOfFile: path, encoding: .utf8)
        #expect(line.contains("\"path\":\"/a\\u009b2J\\u202e\\u007f\\u001b[2J"), "\(line)")
        #expect(line.unicodeScalars.dropLast().allSatisfy(VisibleText.shows))
        let fields = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(((fields["request"] as? [String: Any])?["path"] as? String)?.hasPrefix("/a\u{9b}2J\u{202e}") == true)
    }

    /// The line is written by hand: it must be what the entry's own coding reads, for every kind of record.
    @Test(arguments: DenialReason.allCases)
    func everyLineReadsBackAsItsEntry(reason: DenialReason) throws {
        let path = NSTemporaryDirectory() + "myelin-access-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: path) }
        let ring = FlowRing(capacity: 64)
        let log = log([ring], .file(path))
        for path in [FlowRecord.Path.none, .tunnel, .local, .direct] {
            for service in [0, 1, 9] as [UInt32] {
                var record = Self.flow(reason)
                record.path = path
                record.source = ServiceID(rawValue: service)
                record.isUDP = service == 9
                record.duration = UInt64(service) * 1_234_567_890
                if service == 0 {
                    record.endpoint = SocketAddress(ip: .v4Any, port: 0)
                    record.sourceAddress = record.endpoint
                    record.start = 1_999_999_999
                }
                ring.push(record)
            }
        }
        log.start()
        log.stop()
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        let entries = try lines.map { try decoder.decode(FlowEntry.self, from: Data($0.utf8)) }
        #expect(entries == log.recent(limit: 100, deniedOnly: false))
        #expect(entries.count == 12)
    }

    @Test func theTailKeepsTheNewestInOrder() {
        let ring = FlowRing(capacity: 8192)
        let log = log([ring], .off)
        for index in 0..<5000 {
            var flow = Self.flow(index % 10 == 0 ? .notAllowed : .none)
            flow.sent = UInt64(index)
            ring.push(flow)
        }
        log.start()
        log.stop()
        #expect(log.recent(limit: 3, deniedOnly: false).map(\.bytesSent) == [4997, 4998, 4999])
        #expect(log.recent(limit: 2, deniedOnly: true).map(\.bytesSent) == [4980, 4990])
        #expect(log.recent(limit: 100_000, deniedOnly: false).count == FlowLog.tailLength)
        #expect(log.recent(limit: -1, deniedOnly: false).isEmpty)
    }

    @Test func aFollowerGetsWhatItAskedForAndEndsWithTheLog() async {
        let ring = FlowRing(capacity: 16)
        let log = log([ring], .off)
        let denied = log.follow(deniedOnly: true)
        log.start()
        ring.push(Self.flow())
        ring.push(Self.flow(.denied))
        log.stop()
        var reasons: [String] = []
        for await entry in denied { reasons.append(entry.reason) }
        #expect(reasons == ["denied"])
    }

    @Test func aFollowerThatNeverReadsStopsNobody() {
        let ring = FlowRing(capacity: 16384)
        let log = log([ring], .off)
        let idle = log.follow(deniedOnly: false)
        for _ in 0..<10_000 { ring.push(Self.flow()) }
        log.start()
        log.stop()
        #expect(log.recent(limit: 1, deniedOnly: false).count == 1)
        let text = MetricFamily.exposition(log.families())
        #expect(text.contains("myelin_flow_followers_dropped_total \(10_000 - FlowLog.followerBacklog)\n"))
        withExtendedLifetime(idle) {}
    }

    @Test func aFullDiskIsCountedAndSaidAndTheLogGoesOn() {
        let ring = FlowRing(capacity: 16)
        let log = log([ring], .file("/dev/full"))
        ring.push(Self.flow())
        log.start()
        log.stop()
        #expect(log.writeError?.contains("No space left") == true)
        #expect(MetricFamily.exposition(log.families()).contains("myelin_access_log_write_errors_total 1\n"))
        #expect(log.recent(limit: 1, deniedOnly: false).count == 1)
    }

    @Test func aRotatedFileIsLeftAfterReopen() async throws {
        let path = NSTemporaryDirectory() + "myelin-access-" + UUID().uuidString
        defer { for name in [path, path + ".1"] { try? FileManager.default.removeItem(atPath: name) } }
        let ring = FlowRing(capacity: 16)
        let log = log([ring], .file(path))
        log.start()
        ring.push(Self.flow())
        while log.recent(limit: 1, deniedOnly: false).isEmpty { try await Task.sleep(for: .milliseconds(10)) }
        while !FileManager.default.fileExists(atPath: path) { try await Task.sleep(for: .milliseconds(10)) }
        try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
        log.reopen()
        ring.push(Self.flow())
        log.stop()
        #expect(try String(contentsOfFile: path, encoding: .utf8).count { $0 == "\n" } == 1)
    }

    @Test func aFullRingDropsAndCounts() {
        let ring = FlowRing(capacity: 4)
        for _ in 0..<7 { ring.push(Self.flow()) }
        #expect(ring.dropped == 3)
        #expect(MetricFamily.exposition(log([ring], .off).families()).contains("myelin_access_log_dropped_total 3\n"))
    }

    @Test func stoppingIsSafeBeforeStartingAndTwice() {
        let ring = FlowRing(capacity: 16)
        let log = log([ring], .off)
        ring.push(Self.flow())
        log.stop()
        log.stop()
        log.start()
        #expect(log.recent(limit: 10, deniedOnly: false).count == 1)
    }

    @Test func whoFollowsAfterTheEndOrBeyondTheBoundGetsAnEndedStream() async {
        let log = log([FlowRing(capacity: 16)], .off)
        let within = (0..<FlowLog.maximumFollowers).map { _ in log.follow(deniedOnly: false) }
        for await _ in log.follow(deniedOnly: false) { Issue.record("beyond the bound") }
        log.stop()
        for stream in within { for await _ in stream { Issue.record("nothing flowed") } }
        for await _ in log.follow(deniedOnly: false) { Issue.record("after the end") }
    }

    /// Of many refused handshakes of one address: few lines, and one that stands for the rest; the metrics count each once.
    @Test func whatIsNotWrittenIsCountedAndWhatStandsForOthersIsNot() throws {
        let path = NSTemporaryDirectory() + "myelin-access-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: path) }
        let ring = FlowRing(capacity: 16)
        let log = log([ring], .file(path))
        log.start()
        var record = Self.flow(.handshakeLimit)
        ring.push(record)
        record.isUnwritten = true
        for _ in 0..<7 { ring.push(record) }
        var rest = Self.flow(.handshakeLimit)
        rest.repeats = 7
        ring.push(rest)
        log.stop()
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 2 && lines[1].contains("\"repeats\":7,") && !lines[0].contains("repeats"))
        #expect(log.recent(limit: 10, deniedOnly: true).map(\.repeats) == [nil, 7])
        let denials = try #require(log.families().first { $0.name == "myelin_denials_total" })
        #expect(denials.samples.map(\.value) == [8])
    }

    @Test func everyReasonExplainsItself() {
        for reason in DenialReason.allCases {
            #expect(reason.explanation.isEmpty == (reason == .none))
            let entry = FlowEntry(Self.flow(reason), trustDomain: "t", names: Self.names)
            #expect(entry.explanation == (reason == .none ? nil : reason.explanation))
        }
    }
}
