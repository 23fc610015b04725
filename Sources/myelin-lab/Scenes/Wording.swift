internal import MeshLab

extension Duration {
    /// `1.23 s`
    var formatted: String { (self / .seconds(1)).formatted + " s" }
}

extension Double {
    /// With two digits behind the point.
    var formatted: String {
        let hundredths = Int((self * 100).rounded())
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
    }
}

extension RequestReport {
    /// `usage-0 200, usage-1 200`
    var byInstance: String { instances.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ") }
    /// `100 with 200, 3 with 503`
    var byStatus: String { statuses.sorted { $0.key < $1.key }.map { "\($0.value) with \($0.key)" }.joined(separator: ", ") }
    private var byReason: String { reasons.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ") }
    private var byFailure: String { failures.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ") }

    /// Answers of these instances.
    func answers(of workloads: [Workload]) -> Int { workloads.reduce(0) { $0 + instances[$1.name, default: 0] } }

    /// `1200 of 1200 answered, the slowest after 12.30 ms`
    var outcome: String {
        var text = "\(succeeded) of \(requests) answered, the slowest after \(maxMilliseconds.formatted) ms"
        if failed > 0 { text += "; " + [byStatus, byReason, byFailure].filter { !$0.isEmpty }.joined(separator: "; ") }
        return text
    }
}
