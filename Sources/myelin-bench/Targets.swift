import Foundation

/// What must be reached at L4, and whether it was.
struct Target {
    let what: String
    let table: Table
    let operation: Operation
    let reference: String
    let bound: Bound
    let value: (Report.Sample) -> Double?

    enum Bound {
        case atLeast(Double)
        case atMost(Double)
    }

    static var all: [Target] {
        [
            Target("64 streams through the tunnel, against Envoy's one-to-one mTLS", .pair, .ping64, "envoy", .atLeast(3)) { $0.perSecond },
            Target("64 streams through the tunnel, against Envoy's HTTP/2 CONNECT", .pair, .ping64, "envoy-connect", .atLeast(1.5)) {
                $0.perSecond
            },
            Target("64 streams through the tunnel, against HAProxy", .pair, .ping64, "haproxy", .atLeast(2.5)) { $0.perSecond },
            Target("64 streams through the tunnel, against nginx", .pair, .ping64, "nginx", .atLeast(2.5)) { $0.perSecond },
            Target("bulk through the tunnel, against Envoy", .pair, .bulk, "envoy", .atLeast(1)) { $0.perSecond },
            Target("bulk through the tunnel, against HAProxy", .pair, .bulk, "haproxy", .atLeast(1.3)) { $0.perSecond },
            Target("bulk through the tunnel, against nginx", .pair, .bulk, "nginx", .atLeast(1.3)) { $0.perSecond },
            Target("new flows through the tunnel, against Envoy", .pair, .connect, "envoy", .atLeast(5)) { $0.perSecond },
            Target("new flows through the tunnel, against HAProxy", .pair, .connect, "haproxy", .atLeast(5)) { $0.perSecond },
            Target("new flows through the tunnel, against nginx", .pair, .connect, "nginx", .atLeast(5)) { $0.perSecond },
            Target("p50 through the tunnel, one connection, against Envoy", .pair, .ping1, "envoy", .atMost(1)) { $0.p50Microseconds },
            Target("p99 through the tunnel, one connection, against Envoy", .pair, .ping1, "envoy", .atMost(1)) { $0.p99Microseconds },
            Target("p50 through the tunnel, 64 connections, against Envoy", .pair, .ping64, "envoy", .atMost(1)) { $0.p50Microseconds },
            Target("p99 through the tunnel, 64 connections, against Envoy", .pair, .ping64, "envoy", .atMost(1)) { $0.p99Microseconds },
            Target("p50 through the tunnel, one connection, against HAProxy", .pair, .ping1, "haproxy", .atMost(1.1)) {
                $0.p50Microseconds
            },
            Target("requests, one proxy, against Envoy", .http, .http64, "envoy", .atLeast(3)) { $0.perSecond },
            Target("requests, one proxy, against HAProxy", .http, .http64, "haproxy", .atLeast(1)) { $0.perSecond },
            Target("requests, one proxy, against nginx", .http, .http64, "nginx", .atLeast(1.1)) { $0.perSecond },
            Target("requests through the pair, against Envoy", .httpPair, .http64, "envoy", .atLeast(3)) { $0.perSecond },
            Target("requests through the pair, against Envoy with HTTP/2", .httpPair, .http64, "envoy-h2", .atLeast(3)) { $0.perSecond },
            Target("requests through the pair, against HAProxy", .httpPair, .http64, "haproxy", .atLeast(1.5)) { $0.perSecond },
            Target("messages on one node, against no mesh", .sameNode, .ping64, "none", .atLeast(0.95)) { $0.perSecond },
            Target("bulk on one node, against no mesh", .sameNode, .bulk, "none", .atLeast(0.95)) { $0.perSecond },
        ]
    }

    private init(
        _ what: String, _ table: Table, _ operation: Operation, _ reference: String, _ bound: Bound,
        value: @escaping (Report.Sample) -> Double?
    ) {
        (self.what, self.table, self.operation, self.reference, self.bound, self.value) = (what, table, operation, reference, bound, value)
    }

    func isMet(by ratio: Double) -> Bool {
        switch bound {
        case .atLeast(let least): ratio >= least
        case .atMost(let most): ratio <= most
        }
    }

    var wanted: String {
        switch bound {
        case .atLeast(let least): "≥ \(least) ×"
        case .atMost(let most): "≤ \(most) ×"
        }
    }
}

extension Report {
    /// One line per target; nothing if Myelin itself was not measured.
    func targetLines() -> String {
        let rows = Target.all.compactMap { target -> [String]? in
            guard let ratio = ratio(target.table, "myelin", to: target.reference, target.operation, target.value) else { return nil }
            return [target.what, target.wanted, Report.text(ratio), target.isMet(by: ratio.median) ? "met" : "missed"]
        }
        let others = Table.allCases.compactMap(memoryRow) + instructionRows
        guard !rows.isEmpty || !others.isEmpty else { return "" }
        return "\nTargets\n" + Columns.lay([["", "wanted", "measured", ""]] + rows + others, indentation: 4)
    }

    private var instructionRows: [[String]] {
        instructions.filter { $0.contender == "myelin" && $0.table == .http }.map {
            let met = $0.perOperation <= 12_000 ? "met" : "missed"
            return ["user instructions per request, one proxy", "≤ 12000", String(format: "%.0f", $0.perOperation), met]
        }
    }

    private func memoryRow(_ table: Table) -> [String]? {
        guard let own = memory.first(where: { $0.table == table && $0.contender == "myelin" }),
            let envoy = memory.first(where: { $0.table == table && $0.contender == "envoy" }), envoy.residentBytes > 0
        else { return nil }
        let ratio = Double(own.residentBytes) / Double(envoy.residentBytes)
        return ["memory, \(table.rawValue), against Envoy", "≤ 0.25 ×", String(format: "%.2f", ratio), ratio <= 0.25 ? "met" : "missed"]
    }
}
