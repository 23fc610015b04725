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
        #expect(entry.request == FlowEntry.Request(method: "POST", path: "/a\"b", status: 404, attempts: 1))
        #expect(entry == FlowEntry(record, trustDomain: "t") { ServiceIdentity(namespace: "n", name: ServiceName("s\($0.rawValue)")!) })
    }
}
