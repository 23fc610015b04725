/// Values out of Prometheus' text form.
struct Metrics {
    private let text: String

    init(_ text: String) { self.text = text }

    func value(_ name: String) throws -> Double {
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix(name + " ") }),
            let value = line.split(separator: " ").last.flatMap({ Double($0) })
        else { throw BenchFailure("the daemon's metrics lack \(name)") }
        return value
    }

    func milliseconds(step: String) throws -> Double { try value("myelin_snapshot_seconds{step=\"\(step)\"}") * 1000 }
}
