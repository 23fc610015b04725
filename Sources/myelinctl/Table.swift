internal import MeshTypes

/// A column of a table: its heading and what stands in it.
struct Column<Row> {
    let heading: String
    let value: (Row) -> String

    init(_ heading: String, _ value: @escaping (Row) -> String) {
        self.heading = heading
        self.value = value
    }

    func cell(_ row: Row) -> String {
        let text = Readable.plain(value(row))
        return text.isEmpty ? "-" : text
    }
}

/// Aligned text: headings, then a line for each row.
struct Table<Row> {
    let columns: [Column<Row>]
    let rows: [Row]

    var text: String {
        let lines = [columns.map(\.heading)] + rows.map { row in columns.map { column in column.cell(row) } }
        let widths = columns.indices.map { index in lines.map { $0[index].count }.max() ?? 0 }
        return lines.map { Self.line($0, widths) + "\n" }.joined()
    }

    private static func line(_ cells: [String], _ widths: [Int]) -> String {
        let padded = zip(cells, widths).map { cell, width in cell + String(repeating: " ", count: width - cell.count) }
        var line = padded.joined(separator: "  ")
        while line.hasSuffix(" ") { line.removeLast() }
        return line
    }
}

/// Numbers and names as people read them.
enum Readable {
    /// Nothing that a peer or a file could name may steer a terminal, or read as something else.
    static func plain(_ text: String) -> String { VisibleText.plain(text) }

    static func bytes(_ count: UInt64) -> String {
        var value = Double(count)
        for unit in ["B", "KiB", "MiB", "GiB"] {
            if value < 1024 || unit == "GiB" { return unit == "B" ? "\(count) B" : "\((value * 10).rounded() / 10) \(unit)" }
            value /= 1024
        }
        return "\(count) B"
    }

    static func seconds(_ seconds: Double) -> String {
        let whole = Int(seconds)
        return whole < 60
            ? "\((seconds * 10).rounded() / 10)s" : whole < 3600 ? "\(whole / 60)m\(whole % 60)s" : "\(whole / 3600)h\(whole % 3600 / 60)m"
    }

    static func name(_ service: String?, _ namespace: String?) -> String {
        guard let service else { return "unknown" }
        return namespace.map { "\($0)/\(service)" } ?? service
    }
}
