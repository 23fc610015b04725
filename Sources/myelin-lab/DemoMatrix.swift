internal import Foundation
internal import MeshLab
internal import Synchronization

/// Every ordered pair of services, from every instance of the caller, by name: expected and actual verdicts.
struct DemoMatrix {
    let lab: Lab

    private struct Row: Sendable {
        var cells: [(text: String, complaint: String)?] = []
    }

    func run(_ tally: inout DemoTally) throws {
        heading("Who may call whom: + answered, . refused (as the allow-lists say); X answered but forbidden, ! refused but allowed")
        let services = lab.plan.topology.services
        print(" ".padding(22) + services.map { String($0.name.prefix(4)).padding(5) }.joined())
        for (caller, row) in zip(lab.workloads, try rows()) {
            print(caller.name.padding(22) + row.cells.map { ($0?.text ?? " ").padding(5) }.joined())
            for cell in row.cells.compactMap(\.self) { tally.count(cell.text == "+" || cell.text == ".", cell.complaint) }
        }
    }

    /// Callers work side by side, each makes its calls one after the other.
    private func rows() throws -> [Row] {
        let callers = lab.workloads
        let results = Mutex([Result<Row, any Error>?](repeating: nil, count: callers.count))
        DispatchQueue.concurrentPerform(iterations: callers.count) { index in
            let row = Result { try self.row(callers[index]) }
            results.withLock { $0[index] = row }
        }
        return try results.withLock { $0 }.map { try $0!.get() }
    }

    private func row(_ caller: Workload) throws -> Row {
        var row = Row()
        for callee in lab.plan.topology.services {
            guard callee.name != caller.service else {
                row.cells.append(nil)
                continue
            }
            let result = try lab.curl(from: caller, "http://\(callee.name):\(callee.port)/")
            let answered = result.succeeded && result.output.contains(Workload.marker(callee.name))
            let allowed = Topology.microDAOCalls[caller.service]?.contains(callee.name) == true
            let text = answered ? (allowed ? "+" : "X") : (allowed ? "!" : ".")
            row.cells.append((text, "\(caller.name) to \(callee.name): \(result.description.prefix(200))"))
        }
        return row
    }
}
