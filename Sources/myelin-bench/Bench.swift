import Foundation

/// Runs the plan: in every round each operation on each contender in turn, so that what disturbs the machine disturbs all alike.
final class Bench {
    private let plan: Plan
    private let wanted: Set<String>?
    private let load: LoadGenerator
    private let stage: Stage
    private let binaries: Binaries

    init(plan: Plan, binaries: Binaries, wanted: Set<String>?) throws {
        self.plan = plan
        self.wanted = wanted
        self.binaries = binaries
        load = try LoadGenerator()
        stage = try Stage(load: load, cores: Cores(), nginx: binaries.nginx, nghttpd: binaries.nghttpd)
    }

    func close() { stage.close() }

    func run() -> Report {
        var report = Report(rounds: plan.rounds, secondsPerOperation: plan.seconds)
        var contenders = Contenders(stage: stage, binaries: binaries)
        for table in plan.tables {
            let running = contenders.start(table, wanted: wanted)
            defer { running.forEach { $0.close() } }
            measure(table, running, into: &report)
        }
        report.notMeasured += contenders.missing
        for size in plan.meshSizes {
            say("mesh of \(size) endpoints")
            do { report.meshSizes.append(try MeshSize.measure(size)) } catch {
                report.notMeasured.append("mesh of \(size) endpoints: \(error)")
            }
        }
        if let size = plan.sharedRegistry {
            say("registry of \(size) endpoints in etcd")
            do { report.sharedRegistry = try SharedRegistry.measure(size) } catch {
                report.notMeasured.append("registry of \(size) endpoints in etcd: \(error)")
            }
        }
        return report
    }

    private func measure(_ table: Table, _ contenders: [any Contender], into report: inout Report) {
        for contender in contenders { _ = try? contender.run(load, table.typical, seconds: 0.2) }
        for round in 1...plan.rounds {
            say("\(table.rawValue): round \(round) of \(plan.rounds)")
            for operation in table.operations {
                for contender in contenders {
                    do {
                        report.samples.append(try sample(table, contender, operation, round))
                    } catch {
                        report.notMeasured.append("\(table.rawValue), \(contender.name), \(operation.rawValue), round \(round): \(error)")
                    }
                }
            }
        }
        if table.isHTTP { countInstructions(table, contenders, into: &report) }
        for contender in contenders where !contender.pids.isEmpty && !table.isHTTP {
            do {
                let idle = try contender.idleBytes(load, connections: plan.idleConnections)
                report.memory.append(
                    .init(
                        table: table, contender: contender.name, residentBytes: Usage(of: contender.pids).residentBytes,
                        idleConnectionBytes: idle))
            } catch {
                report.notMeasured.append("\(table.rawValue), \(contender.name), memory of idle connections: \(error)")
            }
        }
    }

    private func countInstructions(_ table: Table, _ contenders: [any Contender], into report: inout Report) {
        for contender in contenders where !contender.pids.isEmpty {
            do {
                let (result, count) = try Instructions.count(of: contender.pids) {
                    try contender.run(load, table.typical, seconds: min(plan.seconds, 1))
                }
                guard result.operations > 0 else { throw BenchFailure("nothing came through") }
                report.instructions.append(
                    .init(table: table, contender: contender.name, operation: table.typical, perOperation: count / result.operations))
            } catch {
                report.notMeasured.append("\(table.rawValue), \(contender.name), user instructions: \(error)")
            }
        }
    }

    private func sample(_ table: Table, _ contender: any Contender, _ operation: Operation, _ round: Int) throws -> Report.Sample {
        let before = Usage(of: contender.pids)
        let result = try contender.run(load, operation, seconds: plan.seconds)
        let after = Usage(of: contender.pids)
        guard result.operations > 0 else { throw BenchFailure("nothing came through: \(result.errors) errors") }
        return Report.Sample(
            table: table, contender: contender.name, operation: operation, round: round, perSecond: result.perSecond, errors: result.errors,
            cpuMicroseconds: contender.pids.isEmpty ? nil : (after.cpu - before.cpu).microseconds / result.operations,
            p50Microseconds: result.p50Microseconds, p99Microseconds: result.p99Microseconds)
    }

    private func say(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
}
