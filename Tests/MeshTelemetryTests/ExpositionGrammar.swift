/// A strict reader of the Prometheus text format 0.0.4: what it takes, every scraper takes.
struct ExpositionGrammar {
    struct Violation: Error, CustomStringConvertible {
        let line: Int
        let what: String
        var description: String { "line \(line): \(what)" }
    }

    /// Metric name → TYPE.
    private(set) var types: [String: String] = [:]
    /// `name{labels}` as written → value.
    private(set) var samples: [String: Double] = [:]
    private var current = ""
    private var helped: Set<String> = []
    private var number = 0

    init(_ text: String) throws(Violation) {
        guard text.isEmpty || text.hasSuffix("\n") else { throw Violation(line: 0, what: "the last line has no end") }
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            number += 1
            if line.hasPrefix("#") { try comment(line) } else { try sample(line) }
        }
        for (name, type) in types where type == "histogram" { try histogram(name) }
    }

    private func violation(_ what: String) -> Violation { Violation(line: number, what: what) }

    private mutating func comment(_ line: Substring) throws(Violation) {
        let parts = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4, parts[0] == "#" else { throw violation("comment of an unknown form") }
        let name = parts[2]
        switch parts[1] {
        case "HELP":
            guard helped.insert(name).inserted else { throw violation("second HELP of \(name)") }
            var rest = parts[3][...]
            while let backslash = rest.firstIndex(of: "\\") {
                rest = rest[rest.index(after: backslash)...]
                guard let escaped = rest.popFirst(), escaped == "\\" || escaped == "n" else { throw violation("escape in HELP") }
            }
        case "TYPE":
            guard types[name] == nil else { throw violation("second TYPE of \(name)") }
            guard ["counter", "gauge", "histogram"].contains(parts[3]) else { throw violation("type \(parts[3])") }
            types[name] = parts[3]
            current = name
        default: throw violation("comment \(parts[1])")
        }
    }

    private mutating func sample(_ line: Substring) throws(Violation) {
        guard let match = line.wholeMatch(of: /([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})? (\S+)/) else { throw violation("no sample: \(line)") }
        let name = String(match.1)
        let isPart = types[current] == "histogram" && ["_bucket", "_sum", "_count"].contains { current + $0 == name }
        guard isPart || (name == current && types[current] != "histogram") else { throw violation("\(name) stands under \(current)") }
        if let labels = match.2 { try check(labels: labels.dropFirst().dropLast()) }
        guard let value = Self.value(match.3) else { throw violation("value \(match.3)") }
        if types[current] == "counter", !(value >= 0) { throw violation("counter below zero") }
        guard samples.updateValue(value, forKey: name + (match.2.map(String.init) ?? "")) == nil else { throw violation("twice: \(line)") }
    }

    private static func value(_ text: Substring) -> Double? {
        switch text {
        case "NaN": .nan
        case "+Inf": .infinity
        case "-Inf": -.infinity
        default: text.wholeMatch(of: /-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?/).flatMap { Double($0.0) }
        }
    }

    private func check(labels: Substring) throws(Violation) {
        var rest = labels
        var names: Set<String> = []
        while true {
            guard let match = rest.prefixMatch(of: /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\[\\"n])*)"/) else {
                throw violation("label at: \(rest)")
            }
            guard !match.1.hasPrefix("__"), names.insert(String(match.1)).inserted else { throw violation("label \(match.1)") }
            rest = rest[match.range.upperBound...]
            guard let comma = rest.popFirst() else { return }
            guard comma == "," else { throw violation("after a label: \(rest)") }
        }
    }

    /// Of each set of labels: bounds ascend to +Inf, counts never fall, the last is the count.
    private func histogram(_ name: String) throws(Violation) {
        var series: [String: [(bound: Double, count: Double)]] = [:]
        for (key, count) in samples {
            guard let match = key.wholeMatch(of: /(.+)_bucket\{(?:(.*),)?le="([^"]+)"\}/), match.1 == name, let bound = Self.value(match.3)
            else { continue }
            series[match.2.map { "{\($0)}" } ?? "", default: []].append((bound, count))
        }
        guard !series.isEmpty else { throw violation("\(name) has no buckets") }
        for (labels, unordered) in series {
            let buckets = unordered.sorted { $0.bound < $1.bound }
            guard let last = buckets.last, last.bound == .infinity, samples["\(name)_count\(labels)"] == last.count,
                samples["\(name)_sum\(labels)"] != nil
            else { throw violation("\(name)\(labels) is incomplete") }
            for (lower, upper) in zip(buckets, buckets.dropFirst()) where lower.count > upper.count {
                throw violation("\(name)\(labels) falls at \(upper.bound)")
            }
        }
    }
}
