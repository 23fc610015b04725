import Foundation
import MeshTelemetry
import MeshTypes
import Testing

@Suite struct RequestMetricsTests {
    private static func request(_ path: String, status: UInt16 = 200, attempts: UInt8 = 1, milliseconds: UInt64 = 7) -> FlowRecord {
        var record = FlowRecord()
        record.start = 1_764_000_000_123_000_000
        record.duration = milliseconds * 1_000_000
        record.source = ServiceID(rawValue: 1)
        record.destination = ServiceID(rawValue: 2)
        record.path = .tunnel
        record.request.isPresent = true
        record.request.method = .post
        record.request.status = status
        record.request.attempts = attempts
        Array(path.utf8).withUnsafeBytes { record.request.setPath($0) }
        return record
    }

    private static func log(_ records: [FlowRecord], _ output: AccessLogOutput = .off) -> FlowLog {
        let ring = FlowRing()
        for record in records { ring.push(record) }
        let log = FlowLog(
            rings: [ring], names: { ServiceIdentity(namespace: "n", name: ServiceName("s\($0.rawValue)")!) }, trustDomain: "t",
            output: output)
        log.stop()
        return log
    }

    @Test func countsByStatusAndOperation() {
        let claim = "/internal/v1/wallet/payout/claim"
        let text = MetricFamily.exposition(
            Self.log([
                Self.request(claim), Self.request(claim + "?a=b"), Self.request(claim, status: 503, attempts: 3),
                Self.request("/other/path"),
                Self.request("/internal/v1/wallet/accounts/17"),
            ]).families())
        func requests(_ status: Int, _ operation: String) -> Substring? {
            let end = "response_code=\"\(status)\",operation=\"\(operation)\"} "
            return text.split(separator: "\n").first { $0.hasPrefix("istio_requests_total{") && $0.contains(end) }?.split(separator: " ")
                .last
        }
        #expect(requests(200, "payout/claim") == "2" && requests(503, "payout/claim") == "1")
        #expect(requests(200, "other") == "2", "identifiers are no operations")
        #expect(text.contains("request_protocol=\"http\",connection_security_policy=\"mutual_tls\",le=\"10\"} 5\n"))
        #expect(text.contains("connection_security_policy=\"mutual_tls\",le=\"5\"} 0\n"))
        #expect(text.split(separator: "\n").contains { $0.hasPrefix("myelin_request_retries_total{") && $0.hasSuffix(" 2") })
        #expect(!text.contains("istio_tcp_connections_closed_total{"), "a request is no connection")
    }

    @Test func countsSizesFlagsAndGRPC() {
        var answered = Self.request("/a.B/C")
        answered.request.isGRPC = true
        answered.request.version = 2
        answered.request.grpcStatus = 0
        (answered.sent, answered.received) = (99, 150_000)
        var strange = answered
        strange.request.grpcStatus = 99
        var limited = Self.request("/", status: 429)
        (limited.reason, limited.ending) = (.rateLimited, .refused)
        var late = Self.request("/", status: 504)
        (late.reason, late.ending) = (.deadlineExceeded, .refused)
        var tried = late
        tried.reason = .endpointTimeout
        var shadow = Self.request("/shadow")
        shadow.request.mirror = .sent
        let text = MetricFamily.exposition(Self.log([answered, strange, limited, late, tried, shadow]).families())
        func has(_ name: String, _ labels: [String], _ value: Int) -> Bool {
            text.split(separator: "\n").contains { line in
                line.hasPrefix(name + "{") && labels.allSatisfy { line.contains($0) } && line.hasSuffix("} \(value)")
            }
        }
        let grpc = "request_protocol=\"grpc\""
        #expect(has("istio_requests_total", [grpc, "response_flags=\"-\"", "grpc_response_status=\"0\"", "response_code=\"200\""], 1))
        #expect(has("istio_requests_total", [grpc, "grpc_response_status=\"other\""], 1))
        #expect(has("istio_requests_total", ["request_protocol=\"http\"", "response_flags=\"RL\"", "response_code=\"429\""], 1))
        #expect(has("istio_requests_total", ["response_flags=\"UT\"", "response_code=\"504\""], 2), "reasons of one flag are one series")
        #expect(has("istio_request_bytes_bucket", [grpc, "le=\"100\""], 2) && has("istio_request_bytes_count", [grpc], 2))
        #expect(
            has("istio_response_bytes_bucket", [grpc, "le=\"100000\""], 0)
                && has("istio_response_bytes_bucket", [grpc, "le=\"1000000\""], 2))
        #expect(has("istio_response_bytes_sum", [grpc], 300_000))
        #expect(has("istio_request_bytes_count", ["request_protocol=\"http\""], 3), "a shadow is nobody's request")
        #expect(throws: Never.self) { try ExpositionGrammar(text) }
    }

    @Test func copiesAreCountedApart() throws {
        func copy(_ result: MirrorResult, status: UInt16 = 0, _ reason: DenialReason = .none) -> FlowRecord {
            var record = Self.request("/a", status: status)
            record.request.mirror = result
            (record.reason, record.ending) = (reason, status == 0 ? .refused : .closed)
            return record
        }
        let records = [
            copy(.sent, status: 200), copy(.sent, status: 200), copy(.sent, status: 503), copy(.denied, .notAllowed),
            copy(.failed, .endpointRefused), copy(.timeout, .deadlineExceeded), copy(.overLimit), copy(.bodyTooLarge), copy(.incomplete),
        ]
        let log = Self.log(records)
        let text = MetricFamily.exposition(log.families())
        let counts = text.split(separator: "\n").compactMap { line -> String? in
            let start = "myelin_mirrored_requests_total{reporter=\"source\",source_workload=\"s1\""
            guard line.hasPrefix(start), let result = line.range(of: "result=") else { return nil }
            return String(line[result.lowerBound...])
        }
        #expect(
            Set(counts) == [
                "result=\"sent\",response_code=\"200\"} 2", "result=\"sent\",response_code=\"503\"} 1",
                "result=\"denied\",response_code=\"0\"} 1", "result=\"failed\",response_code=\"0\"} 1",
                "result=\"timeout\",response_code=\"0\"} 1", "result=\"over_limit\",response_code=\"0\"} 1",
                "result=\"body_too_large\",response_code=\"0\"} 1", "result=\"incomplete\",response_code=\"0\"} 1",
            ])
        #expect(!text.contains("istio_requests_total{") && !text.contains("myelin_denials_total{"), "nobody's request was refused")
        #expect(log.recent(limit: 100, deniedOnly: false).count == 6, "of copies that were not made there are no lines")
        #expect(MirrorResult.allCases.count == 7 && Set(MirrorResult.allCases.map(\.label)).count == 7)
        #expect(throws: Never.self) { try ExpositionGrammar(text) }
    }

    @Test func operationsAreBounded() {
        let letters = Array("abcdefghijklmnopqrstuvwxyz")
        let records = (0..<200).map { Self.request("/internal/v1/s/\(letters[$0 / 26])\(letters[$0 % 26])") }
        let lines = MetricFamily.exposition(Self.log(records).families()).split(separator: "\n").filter {
            $0.hasPrefix("istio_requests_total{")
        }
        #expect(lines.count == 65)
        #expect(lines.contains { $0.contains("operation=\"other\"} 136") })
    }

    @Test func theLineTellsTheRequest() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "myelin-requests-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        let record = Self.request("/a\"b?secret=1", status: 404)
        _ = Self.log([record], .file(file))
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let entry = try decoder.decode(FlowEntry.self, from: Data(contentsOf: URL(fileURLWithPath: file)))
        let request = try #require(entry.request)
        #expect(request.method == "POST" && request.path == "/a\"b" && request.status == 404 && request.attempts == 1)
        #expect(request.protocol == "http/1.1" && request.traceId == nil && request.requestId == nil && request.grpcStatus == nil)
        #expect(request.shadow == nil)
        #expect(entry == FlowEntry(record, trustDomain: "t") { ServiceIdentity(namespace: "n", name: ServiceName("s\($0.rawValue)")!) })
    }

    @Test func theLineNamesTraceAndRequest() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "myelin-requests-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        var record = Self.request("/a.B/C")
        (record.request.isGRPC, record.request.version, record.request.grpcStatus, record.request.mirror) = (true, 2, 14, .sent)
        (record.request.traceHigh, record.request.traceLow) = (0x0af7_6519_16cd_43dd, 0x8448_eb21_1c80_319c)
        let long = "\"\\" + String(repeating: "i", count: 100)
        record.request.identifier = Array(long.utf8).withUnsafeBytes { RequestIdentifier($0) }
        _ = Self.log([record], .file(file))
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let data = try Data(contentsOf: URL(fileURLWithPath: file))
        let entry = try decoder.decode(FlowEntry.self, from: data)
        #expect(entry == FlowEntry(record, trustDomain: "t") { ServiceIdentity(namespace: "n", name: ServiceName("s\($0.rawValue)")!) })
        let request = try #require(entry.request)
        #expect(request.traceId == "0af7651916cd43dd8448eb211c80319c" && request.protocol == "grpc" && request.grpcStatus == 14)
        #expect(request.requestId == String(long.prefix(RequestIdentifier.capacity)) && request.shadow == true)
        // As an encoder would order the keys.
        let keys = String(decoding: data, as: UTF8.self).matches(
            of: /"(attempts|grpc_status|method|protocol|request_id|shadow|status|trace_id)":/)
        #expect(keys.map { String($0.1) } == keys.map { String($0.1) }.sorted())
    }

    @Test func aNewIdentifierIsAUUID() {
        let text = RequestIdentifier(randomHigh: 0x0123_4567_89ab_cdef, randomLow: 0x0123_4567_89ab_cdef).text
        #expect(text == "01234567-89ab-4def-8123-456789abcdef")
        #expect(UUID(uuidString: RequestIdentifier(randomHigh: .max, randomLow: .max).text) != nil)
        #expect(RequestIdentifier().isEmpty)
    }
}
