import Foundation

/// Everything that was measured, and what could not be.
struct Report: Codable {
    struct Sample: Codable {
        let table: Table
        let contender: String
        let operation: Operation
        let round: Int
        /// Operations per second: messages, connections or KiB.
        let perSecond: Double
        let errors: Int
        /// CPU of all proxies together, for one operation.
        let cpuMicroseconds: Double?
        let p50Microseconds: Double?
        let p99Microseconds: Double?
    }

    struct Memory: Codable {
        let table: Table
        let contender: String
        /// Of all its proxies together, after the load.
        let residentBytes: Int
        let idleConnectionBytes: Int
    }

    struct InstructionCount: Codable {
        let table: Table
        let contender: String
        let operation: Operation
        /// Of all its proxies together, in user mode, for one operation.
        let perOperation: Double
    }

    var rounds: Int
    var secondsPerOperation: Double
    var machine = Machine()
    var samples: [Sample] = []
    var memory: [Memory] = []
    var instructions: [InstructionCount] = []
    var meshSizes: [MeshSize] = []
    var sharedRegistry: SharedRegistry?
    var notMeasured: [String] = []

    struct Machine: Codable {
        var kernel = Machine.kernelRelease()
        var cores = ProcessInfo.processInfo.activeProcessorCount
        var date = ISO8601DateFormatter().string(from: Date())

        private static func kernelRelease() -> String {
            let text = (try? String(contentsOfFile: "/proc/sys/kernel/osrelease", encoding: .utf8)) ?? ""
            return text.trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }

    func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return try encoder.encode(self)
    }

    /// The values of one cell, in the order of the rounds.
    func values(_ table: Table, _ contender: String, _ operation: Operation, _ value: (Sample) -> Double?) -> [Int: Double] {
        var values: [Int: Double] = [:]
        for sample in samples where sample.table == table && sample.contender == contender && sample.operation == operation {
            values[sample.round] = value(sample)
        }
        return values
    }

    /// `contender` divided by `reference`, round by round.
    func ratio(_ table: Table, _ contender: String, to reference: String, _ operation: Operation, _ value: (Sample) -> Double?) -> Spread? {
        let own = values(table, contender, operation, value)
        let other = values(table, reference, operation, value)
        return Spread(own.compactMap { round, value in other[round].flatMap { $0 > 0 ? value / $0 : nil } })
    }
}

/// Smallest, middle and greatest of several rounds.
struct Spread {
    let minimum: Double
    let median: Double
    let maximum: Double

    init?(_ values: some Sequence<Double>) {
        let sorted = values.sorted()
        guard let first = sorted.first, let last = sorted.last else { return nil }
        minimum = first
        maximum = last
        let middle = sorted.count / 2
        median = sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}
