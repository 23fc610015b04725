import MeshTelemetry
import MeshTypes
import Testing

@Suite struct ExpositionTests {
    @Test func isTheTextFormatWithEscapes() {
        let family = MetricFamily(
            name: "a_total", help: "A \\ and\na line.", kind: .counter,
            samples: [MetricSample(labels: [MetricSample.Label("x", "q\"b\\s\nn")], value: 3), MetricSample(value: 0.5)])
        let text = MetricFamily.exposition([family, MetricFamily(name: "none", help: "", kind: .gauge, samples: [])])
        #expect(
            text == "# HELP a_total A \\\\ and\\na line.\n# TYPE a_total counter\na_total{x=\"q\\\"b\\\\s\\nn\"} 3\na_total 0.5\n")
    }

    /// Checks every line of a real exposition against the grammar of text format 0.0.4.
    @Test func whatTheLogExposesIsWellFormedAndConsistent() throws {
        let ring = FlowRing(capacity: 1024)
        for index in 0..<500 {
            var record = FlowRecord()
            record.source = ServiceID(rawValue: UInt32(index % 3))
            record.destination = ServiceID(rawValue: 1)
            record.duration = UInt64(index) * 10_000_000
            record.reason = index % 5 == 0 ? .notAllowed : .none
            record.ending = index % 5 == 0 ? .refused : .closed
            record.path = .tunnel
            ring.push(record)
        }
        let log = FlowLog(
            rings: [ring], names: { id in id.rawValue == 0 ? nil : ServiceIdentity(namespace: "d", name: ServiceName("s\(id.rawValue)")!) },
            trustDomain: "t", output: .off)
        log.start()
        log.stop()
        let text = MetricFamily.exposition(log.families())
        let sample = /^[a-zA-Z_:][a-zA-Z0-9_:]*(\{[a-z_]+="([^"\\\n]|\\.)*"(,[a-z_]+="([^"\\\n]|\\.)*")*\})? [0-9.e+-]+$/
        let comment = /^# (HELP|TYPE) [a-zA-Z_:][a-zA-Z0-9_:]* .+$/
        for line in text.split(separator: "\n") {
            #expect(line.wholeMatch(of: sample) != nil || line.wholeMatch(of: comment) != nil, "\(line)")
        }
        #expect(text.contains("myelin_flow_duration_seconds_count 400\n"))
        #expect(text.contains("myelin_flow_duration_seconds_bucket{le=\"+Inf\"} 400\n"))
        let denials = text.split(separator: "\n").filter { $0.hasPrefix("myelin_denials_total{") }.compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }
        #expect(denials.reduce(0, +) == 100)
        #expect(text.contains("reason=\"not_allowed\"") && text.contains("connection_security_policy=\"mutual_tls\""))
    }

    @Test func seriesAreBounded() {
        let ring = FlowRing(capacity: 16384)
        for index in 1...12_000 {
            var record = FlowRecord()
            record.source = ServiceID(rawValue: UInt32(index))
            ring.push(record)
        }
        let log = FlowLog(
            rings: [ring], names: { ServiceIdentity(namespace: "d", name: ServiceName("s\($0.rawValue)")!) }, trustDomain: "t", output: .off)
        log.start()
        log.stop()
        let lines = MetricFamily.exposition(log.families()).split(separator: "\n").filter { $0.hasPrefix("istio_tcp_connections_closed_total{") }
        #expect(lines.count <= 10_001)
        #expect(lines.contains { $0.contains("source_workload=\"other\"") && $0.hasSuffix(" 2000") })
    }
}
