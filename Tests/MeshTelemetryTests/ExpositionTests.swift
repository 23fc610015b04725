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

    /// A real exposition, read strictly.
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
        let read = try ExpositionGrammar(text)
        #expect(read.types["istio_tcp_sent_bytes_total"] == "counter" && read.types["myelin_flow_duration_seconds"] == "histogram")
        #expect(text.contains("myelin_flow_duration_seconds_count 400\n"))
        #expect(text.contains("myelin_flow_duration_seconds_bucket{le=\"+Inf\"} 400\n"))
        let denials = read.samples.filter { $0.key.hasPrefix("myelin_denials_total{") }.map(\.value)
        #expect(denials.reduce(0, +) == 100)
        #expect(text.contains("reason=\"not_allowed\"") && text.contains("connection_security_policy=\"mutual_tls\""))
    }

    @Test func familiesOfOneNameBecomeOneAndNumbersHaveTheFormatsSpelling() throws {
        func gauge(_ label: String, _ value: Double) -> MetricFamily {
            MetricFamily(
                name: "g", help: "G.", kind: .gauge, samples: [MetricSample(labels: [MetricSample.Label("l", label)], value: value)])
        }
        let text = MetricFamily.exposition([gauge("a", .nan), gauge("b", .infinity), gauge("c", -.infinity), gauge("d", 1e300)])
        #expect(text == "# HELP g G.\n# TYPE g gauge\ng{l=\"a\"} NaN\ng{l=\"b\"} +Inf\ng{l=\"c\"} -Inf\ng{l=\"d\"} 1e+300\n")
        #expect(try ExpositionGrammar(text).samples.count == 4)
    }

    @Test(arguments: [
        "a 1", "# TYPE a counter\na 1", "# TYPE a counter\na -1\n", "# TYPE a counter\nb 1\n", "# TYPE a gauge\na inf\n",
        "# TYPE a gauge\na{l=\"x\\y\"} 1\n", "# TYPE a gauge\na{l=\"1\",l=\"2\"} 1\n", "# TYPE a gauge\na 1\na 1\n",
        "# TYPE a gauge\na 1\n# TYPE a gauge\n", "# TYPE a histogram\na_sum 1\na_count 1\n",
    ])
    func theStrictReaderRefuses(_ text: String) {
        #expect(throws: ExpositionGrammar.Violation.self) { try ExpositionGrammar(text) }
    }

    @Test func seriesAreBounded() {
        let ring = FlowRing(capacity: 16384)
        for index in 1...12_000 {
            var record = FlowRecord()
            record.source = ServiceID(rawValue: UInt32(index))
            ring.push(record)
        }
        let log = FlowLog(
            rings: [ring], names: { ServiceIdentity(namespace: "d", name: ServiceName("s\($0.rawValue)")!) }, trustDomain: "t", output: .off
        )
        log.start()
        log.stop()
        let text = MetricFamily.exposition(log.families())
        let lines = text.split(separator: "\n").filter { $0.hasPrefix("istio_tcp_connections_closed_total{") }
        #expect(text.contains("myelin_metric_series_overflow_total 2000\n"))
        #expect(lines.count <= 10_001)
        #expect(lines.contains { $0.contains("source_workload=\"other\"") && $0.hasSuffix(" 2000") })
    }
}
