/// One metric with its samples, for the Prometheus text format 0.0.4.
package struct MetricFamily: Sendable {
    package enum Kind: String, Sendable { case counter, gauge, histogram }

    package let name: String
    package let help: String
    package let kind: Kind
    package let samples: [MetricSample]

    package init(name: String, help: String, kind: Kind, samples: [MetricSample]) {
        self.name = name
        self.help = help
        self.kind = kind
        self.samples = samples
    }

    /// The text of several families, each ending in a newline. Families of one name become one: the format allows a name's
    /// HELP and TYPE once, and wants its samples together.
    package static func exposition(_ families: [MetricFamily]) -> String {
        var text = ""
        for family in merged(families) where !family.samples.isEmpty {
            text += "# HELP \(family.name) \(escape(family.help, quotes: false))\n# TYPE \(family.name) \(family.kind.rawValue)\n"
            for sample in family.samples { text += line(family.name, sample) }
        }
        return text
    }

    private static func merged(_ families: [MetricFamily]) -> [MetricFamily] {
        var result: [MetricFamily] = []
        var places: [String: Int] = [:]
        for family in families {
            guard let place = places[family.name] else {
                places[family.name] = result.count
                result.append(family)
                continue
            }
            let first = result[place]
            result[place] = MetricFamily(name: first.name, help: first.help, kind: first.kind, samples: first.samples + family.samples)
        }
        return result
    }

    private static func line(_ name: String, _ sample: MetricSample) -> String {
        let labels = sample.labels.map { "\($0.name)=\"\(escape($0.value, quotes: true))\"" }.joined(separator: ",")
        return "\(name)\(sample.suffix)\(labels.isEmpty ? "" : "{\(labels)}") \(number(sample.value))\n"
    }

    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
    }

    private static func escape(_ text: String, quotes: Bool) -> String {
        var result = text.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
        if quotes { result = result.replacing("\"", with: "\\\"") }
        return result
    }
}

/// One value of a metric.
package struct MetricSample: Sendable {
    package struct Label: Sendable, Hashable {
        package let name: String
        package let value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// `_bucket`, `_sum`, `_count` of a histogram, else empty.
    package let suffix: String
    package let labels: [Label]
    package let value: Double

    package init(suffix: String = "", labels: [Label] = [], value: Double) {
        self.suffix = suffix
        self.labels = labels
        self.value = value
    }
}
