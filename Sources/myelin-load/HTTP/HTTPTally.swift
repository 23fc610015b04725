/// What became of the requests of an HTTP run.
struct HTTPTally {
    /// Names come from the other end: more different ones count as `other`.
    private static let maximumNames = 256

    var answered = 0
    var succeeded = 0
    private(set) var statuses: [String: Int] = [:]
    private(set) var instances: [String: Int] = [:]
    private(set) var reasons: [String: Int] = [:]
    /// Those that got no answer, by what happened to their connection.
    var failures = FailureCounts()
    /// Of those, the ones that had no connection: nothing was sent.
    var unconnected = 0
    /// Connections opened.
    var connections = 0
    /// From the intended start to the end of the answer.
    let latencies = LatencyHistogram()
    private(set) var longest: UInt64 = 0
    var seconds = 0.0

    mutating func count(_ answer: HTTPHead, body: [UInt8], latency: UInt64) {
        answered += 1
        if (200..<300).contains(answer.status) { succeeded += 1 }
        Self.add("\(answer.status)", to: &statuses)
        if let instance = answer["x-instance"] ?? Self.instance(in: body) { Self.add(instance, to: &instances) }
        if let reason = answer["x-myelin-reason"] { Self.add(reason, to: &reasons) }
        latencies.record(latency)
        longest = max(longest, latency)
    }

    private static func add(_ name: String, to counts: inout [String: Int]) {
        counts[counts[name] != nil || counts.count < maximumNames ? name : "other", default: 0] += 1
    }

    /// The value of `"instance"` in an answer of JSON.
    private static func instance(in body: [UInt8]) -> String? {
        let text = String(decoding: body, as: UTF8.self)
        guard let key = text.range(of: "\"instance\"") else { return nil }
        let rest = text[key.upperBound...].drop { $0 == " " || $0 == ":" }
        guard rest.first == "\"" else { return nil }
        return String(rest.dropFirst().prefix { $0 != "\"" })
    }
}
