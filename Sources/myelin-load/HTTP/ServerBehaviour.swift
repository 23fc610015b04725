/// How the server answers; `/control` changes it while it runs.
struct ServerBehaviour {
    var delay = TimeSpan(nanoseconds: 0)
    /// This share of the requests is answered with `status`.
    var failShare = Share(0)
    var status = 500
    var isReady = true

    /// Applies `delay=20ms&fail=100%&status=503&ready=false`. - Returns: what was wrong; nothing is changed then.
    mutating func apply(query: Substring) -> String? {
        var changed = self
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { return "'\(pair)' is not name=value" }
            switch parts[0] {
            case "delay":
                guard let delay = TimeSpan(argument: parts[1]) else { return "delay: '\(parts[1])' is no time such as 20ms" }
                changed.delay = delay
            case "fail":
                // As it is, or as an address has to carry it.
                guard let share = Share(argument: parts[1].hasSuffix("%25") ? String(parts[1].dropLast(2)) : parts[1]) else {
                    return "fail: '\(parts[1])' is no share such as 10%"
                }
                changed.failShare = share
            case "status":
                guard let status = Int(parts[1]), (200...599).contains(status) else { return "status: '\(parts[1])' is not 200–599" }
                changed.status = status
            case "ready":
                guard let isReady = Bool(parts[1]) else { return "ready: '\(parts[1])' is not true or false" }
                changed.isReady = isReady
            default: return "'\(parts[0])' is not known: delay, fail, status or ready"
            }
        }
        self = changed
        return nil
    }

    var text: String {
        "delay=\(Double(delay.nanoseconds) / 1e6)ms fail=\(failShare.value * 100)% status=\(status) ready=\(isReady)\n"
    }

    /// The next request is one of those that fail.
    func fails() -> Bool { failShare.value > 0 && Double.random(in: 0..<1) < failShare.value }
}
