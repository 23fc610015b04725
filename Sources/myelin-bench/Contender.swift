import Foundation

/// Something that carries flows from a client to the server in one table.
protocol Contender: AnyObject {
    var name: String { get }
    /// The processes whose CPU and memory count; empty if there is nothing in between.
    var pids: [Int32] { get }
    /// Runs the load generator from where a client of this contender stands, against the server behind it.
    func run(_ load: LoadGenerator, _ operation: Operation, seconds: Double) throws -> LoadResult
    /// Holds connections open and returns what the processes grew by, in bytes for each connection.
    func idleBytes(_ load: LoadGenerator, connections: Int) throws -> Int
    func close()
}

/// A proxy (or none) on the stage: its processes and the address that clients dial, in the near namespace.
final class StageContender: Contender {
    let name: String
    private let dial: String
    private let stage: Stage
    private var children: [Child] = []
    var pids: [Int32] { children.map(\.pid) }

    /// Starts one process per entry of `commands` and waits until `listens` are there.
    init(_ name: String, dial: String, stage: Stage, commands: [Start] = []) throws {
        self.name = name
        self.dial = dial
        self.stage = stage
        do {
            for start in commands {
                let log = stage.log("\(name)-\(start.port)".replacingOccurrences(of: " ", with: "-"))
                children.append(try Child(start.command, namespace: start.namespace, core: stage.cores.proxy, log: log))
                try Self.await(start, log: log)
            }
        } catch {
            close()
            throw error
        }
    }

    struct Start {
        let command: [String]
        let namespace: String
        let port: Int
    }

    private static func await(_ start: Start, log: URL) throws {
        do {
            try Stage.awaitListener(port: start.port, namespace: start.namespace)
        } catch {
            let tail = ((try? String(contentsOf: log, encoding: .utf8)) ?? "").suffix(800)
            throw BenchFailure("\(start.command.first ?? ""): \(error); it said: \(tail)")
        }
    }

    func run(_ load: LoadGenerator, _ operation: Operation, seconds: Double) throws -> LoadResult {
        try load.run(operation, against: dial, seconds: seconds, from: prefix)
    }

    func idleBytes(_ load: LoadGenerator, connections: Int) throws -> Int {
        let before = Usage(of: pids).residentBytes
        let during = try load.whileHolding(connections, against: dial, from: prefix) { Usage(of: pids).residentBytes }
        return max(0, during - before) / connections
    }

    /// Runs the command that follows in the near namespace, on the load's core.
    private var prefix: [String] { ["ip", "netns", "exec", Stage.near, "taskset", "-c", String(stage.cores.load)] }

    func close() {
        children.forEach { $0.end() }
        children = []
    }
}
