import ArgumentParser

/// `250us`, `5ms`, `1.5s`: nanoseconds, from none to an hour.
struct TimeSpan: ExpressibleByArgument, Equatable {
    let nanoseconds: UInt64
    private static let units: [(suffix: String, nanoseconds: Double)] = [("us", 1e3), ("ms", 1e6), ("s", 1e9)]
    private static let longest = 3.6e12

    init?(argument: String) {
        guard let unit = Self.units.first(where: { argument.hasSuffix($0.suffix) }),
            let number = Double(argument.dropLast(unit.suffix.count)), number >= 0, number * unit.nanoseconds <= Self.longest
        else { return nil }
        nanoseconds = UInt64(number * unit.nanoseconds)
    }

    init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }
}

/// `10%`: from none to all.
struct Share: ExpressibleByArgument, Equatable {
    let value: Double

    init?(argument: String) {
        guard argument.hasSuffix("%"), let percent = Double(argument.dropLast()), (0...100).contains(percent) else { return nil }
        value = percent / 100
    }

    init(_ value: Double) { self.value = value }
}

/// `100`, `1KiB`, `2MiB`: bytes.
struct ByteCount: ExpressibleByArgument, Equatable {
    let bytes: Int
    private static let units: [(suffix: String, bytes: Int)] = [("KiB", 1 << 10), ("MiB", 1 << 20)]

    init?(argument: String) {
        let unit = Self.units.first { argument.hasSuffix($0.suffix) }
        guard let number = Int(argument.dropLast(unit?.suffix.count ?? 0)), number >= 0,
            case let (product, overflow) = number.multipliedReportingOverflow(by: unit?.bytes ?? 1), !overflow,
            product <= HTTPReader.maximumBody
        else { return nil }
        bytes = product
    }

    init(_ bytes: Int) { self.bytes = bytes }
}
