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

    /// The text of several families, each ending in a newline.
    package static func exposition(_ families: [MetricFamily]) -> String {
        var text = ""
        for family in families where !family.samples.isEmpty {
            text += "# HELP \(family.name) \(escape(family.help, quotes: false))\n# TYPE \(family.name) \(family.kind.rawValue)\n"
            for sample in family.samples { text += line(family.name, sample) }
        }
        return text
    }

    private static func line(_ name: String, _ sample: MetricSample) -> String {
        let labels = sample.labels.map { "\($0.name)=\"\(escape($0.value, quotes: true))\"" }.joined(separator: ",")
        let value = sample.value == sample.value.rounded() && abs(sample.value) < 1e15 ? "\(Int64(sample.value))" : "\(sample.value)"
        return "\(name)\(sample.suffix)\(labels.isEmpty ? "" : "{\(labels)}") \(value)\n"
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
