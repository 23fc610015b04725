import Foundation
import MeshTelemetry
import MeshTypes
import Testing

/// Metric names and fields of the access line are an interface: what docs/observability.md says must hold.
@Suite struct DocumentationTests {
    /// Where the tests run, if that is the tree; else where they were built.
    private static let root: URL = {
        let here = URL(filePath: FileManager.default.currentDirectoryPath)
        if FileManager.default.fileExists(atPath: here.appending(path: "Package.swift").path) { return here }
        return URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    }()

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    /// Every name of a metric that stands in a source file as a string.
    private static func metricsInSources() throws -> Set<String> {
        var names: Set<String> = []
        for path in ["Sources/MeshTelemetry", "Sources/MeshControl"] {
            let files = FileManager.default.enumerator(at: root.appending(path: path), includingPropertiesForKeys: nil)
            for case let file as URL in try #require(files) where file.pathExtension == "swift" {
                let source = try String(contentsOf: file, encoding: .utf8)
                // Families are named by `name:`, by `counter(…)` or by `single(…)`.
                for match in source.matches(of: /(?:name: |counter\(\s*|single\(\s*)"((?:myelin|istio)_[a-z_]+)"/) {
                    names.insert(String(match.1))
                }
            }
        }
        return names
    }

    @Test func everyMetricIsDescribedAndEveryDescribedOneExists() throws {
        let page = try Self.text("docs/observability.md")
        let rows = page.split(separator: "\n").filter { $0.hasPrefix("| `") }.compactMap { $0.split(separator: "|").first }
        let described = Set(rows.flatMap { $0.matches(of: /`((?:myelin|istio)_[a-z_]+)`/).map { String($0.1) } })
        let existing = try Self.metricsInSources()
        #expect(existing.count > 20)
        #expect(described.subtracting(existing).isEmpty)
        #expect(existing.subtracting(described).isEmpty)
    }

    @Test func alertsNameOnlyMetricsThatExist() throws {
        let existing = try Self.metricsInSources()
        for match in try Self.text("docs/alerts.yaml").matches(of: /(?:myelin|istio)_[a-z_]+/) {
            #expect(existing.contains(String(match.0)), "\(match.0)")
        }
        for match in try Self.text("docs/alerts.yaml").matches(of: /reason=~"([a-z_|]+)"/) {
            for code in match.1.split(separator: "|") { #expect(DenialReason(code: String(code)) != nil, "\(code)") }
        }
    }

    /// Every query of every dashboard, and the variables that they use.
    @Test func dashboardsNameOnlyMetricsAndReasonsThatExist() throws {
        let existing = try Self.metricsInSources()
        let folder = Self.root.appending(path: "docs/dashboards")
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        #expect(!files.isEmpty)
        for file in files {
            let root = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
            let panels = try #require(root["panels"] as? [[String: Any]])
            let queries = panels.flatMap { $0["targets"] as? [[String: Any]] ?? [] }.compactMap { $0["expr"] as? String }
            #expect(panels.count > 5 && queries.count >= panels.count)
            for query in queries {
                let names = query.matches(of: /(?:myelin|istio)_[a-z_]+/).map { String($0.0) }
                #expect(!names.isEmpty, "\(query)")
                for name in names {
                    let family = name.replacing(/_(bucket|sum|count)$/, with: "")
                    #expect(existing.contains(name) || existing.contains(family), "\(name) in \(file.lastPathComponent)")
                }
                for match in query.matches(of: /reason=~"([a-z_|]+)"/) {
                    for code in match.1.split(separator: "|") { #expect(DenialReason(code: String(code)) != nil, "\(code)") }
                }
            }
            let variables = (root["templating"] as? [String: Any])?["list"] as? [[String: Any]] ?? []
            let names = Set(variables.compactMap { $0["name"] as? String })
            for match in queries.joined().matches(of: /\$([a-z]+)/) { #expect(names.contains(String(match.1)), "\(match.1)") }
        }
    }

    @Test func everyFieldOfTheLineIsDescribedAndReadsBack() throws {
        var record = FlowRecord()
        record.source = ServiceID(rawValue: 1)
        record.destination = ServiceID(rawValue: 2)
        record.sourceAddress = SocketAddress("10.0.0.1:4000")!
        record.destinationAddress = SocketAddress("240.64.0.1:80")!
        record.endpoint = SocketAddress("10.0.0.2:80")!
        record.reason = .endpointTimeout
        record.repeats = 3
        record.request.isPresent = true
        record.request.mirror = .sent
        record.request.grpcStatus = 0
        record.request.traceLow = 1
        record.request.identifier = RequestIdentifier(randomHigh: 1, randomLow: 2)
        let entry = FlowEntry(record, trustDomain: "t") { ServiceIdentity(namespace: "n", name: ServiceName("s\($0.rawValue)")!) }
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        let data = try encoder.encode(entry)
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        #expect(try decoder.decode(FlowEntry.self, from: data) == entry)
        let fields = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        var names: Set<String> = []
        for (key, value) in fields {
            if let party = value as? [String: Any] { names.formUnion(party.keys.map { "\(key).\($0)" }) } else { names.insert(key) }
        }
        let page = try Self.text("docs/observability.md")
        let section = page[try #require(page.range(of: "## The access log")).upperBound...]
        let rows = section.split(separator: "\n").filter { $0.hasPrefix("| `") }.compactMap { $0.split(separator: "|").first }
        let described = Set(rows.flatMap { $0.matches(of: /`([a-z_.]+)`/).map { String($0.1) } })
        #expect(described == names)
    }
}
