import Foundation

extension Report {
    /// The report for people: a table per way, then the targets, then what is missing.
    func tables() -> String {
        var text = ""
        for table in Table.allCases where samples.contains(where: { $0.table == table }) { text += self.text(of: table) }
        text += meshSizeTable() + sharedRegistryTable()
        text += targetLines()
        if !notMeasured.isEmpty {
            text += "\nNot measured:\n" + notMeasured.map { "  - \($0)\n" }.joined()
        }
        text +=
            "\nLinux \(machine.kernel), \(machine.cores) cores, \(rounds) rounds of \(secondsPerOperation) s; ratios are median [minimum–maximum].\n"
        return text
    }

    /// Whom the others of a table are compared with: Envoy; on one node, no mesh at all.
    private func reference(of table: Table) -> String {
        if table == .sameNode { return "none" }
        return samples.contains { $0.table == table && $0.contender == "envoy" } ? "envoy" : "none"
    }

    private func text(of table: Table) -> String {
        let contenders = samples.filter { $0.table == table }.reduce(into: [String]()) {
            if !$0.contains($1.contender) { $0.append($1.contender) }
        }
        let reference = reference(of: table)
        var text = "\n\(table.title)\n"
        for operation in Operation.allCases {
            let rows = contenders.compactMap { row(table, $0, operation, reference) }
            guard !rows.isEmpty else { continue }
            let headings = ["", "per second", "× \(reference)", "CPU µs/\(operation.unit)", "CPU × \(reference)", "p50 µs", "p99 µs"]
            text += "\n  \(operation.rawValue)\n" + Columns.lay([headings] + rows, indentation: 4)
        }
        let memoryRows = memory.filter { $0.table == table }.map {
            [
                $0.contender, String(format: "%.1f", Double($0.residentBytes) / 1_048_576),
                String(format: "%.2f", Double($0.idleConnectionBytes) / 1024),
            ]
        }
        if !memoryRows.isEmpty { text += "\n  memory\n" + Columns.lay([["", "MiB", "KiB/idle connection"]] + memoryRows, indentation: 4) }
        let instructionRows = instructions.filter { $0.table == table }.map { [$0.contender, String(format: "%.0f", $0.perOperation)] }
        if !instructionRows.isEmpty {
            text += "\n  user instructions\n" + Columns.lay([["", "per \(table.typical.unit)"]] + instructionRows, indentation: 4)
        }
        return text
    }

    private func row(_ table: Table, _ contender: String, _ operation: Operation, _ reference: String) -> [String]? {
        guard let speed = Spread(values(table, contender, operation, \.perSecond).values) else { return nil }
        let cpu = Spread(values(table, contender, operation, \.cpuMicroseconds).values)
        let p50 = Spread(values(table, contender, operation, \.p50Microseconds).values)
        let p99 = Spread(values(table, contender, operation, \.p99Microseconds).values)
        return [
            contender,
            String(format: "%.0f", speed.median),
            Self.text(ratio(table, contender, to: reference, operation, \.perSecond)),
            cpu.map { String(format: "%.2f", $0.median) } ?? "–",
            Self.text(ratio(table, contender, to: reference, operation, \.cpuMicroseconds)),
            p50.map { String(format: "%.0f", $0.median) } ?? "–",
            p99.map { String(format: "%.0f", $0.median) } ?? "–",
        ]
    }

    static func text(_ spread: Spread?) -> String {
        guard let spread else { return "–" }
        return String(format: "%.2f [%.2f–%.2f]", spread.median, spread.minimum, spread.maximum)
    }
}

/// Rows of text in aligned columns.
enum Columns {
    static func lay(_ rows: [[String]], indentation: Int) -> String {
        let count = rows.map(\.count).max() ?? 0
        let widths = (0..<count).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
        return rows.map { row in
            let cells = row.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 ? cell + padding : padding + cell
            }
            return String(repeating: " ", count: indentation) + cells.joined(separator: "  ") + "\n"
        }.joined()
    }
}
