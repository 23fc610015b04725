import Foundation
import MeshLab

/// What a mesh of many endpoints costs one node: services of ten endpoints each, registered in one file.
struct MeshSize: Codable {
    let endpoints: Int
    /// From the moment that a file with all of them lies there until workers decide by it; reading it included.
    let loadSeconds: Double
    /// Of the snapshot after a change of one endpoint.
    let buildMilliseconds: Double
    let adoptionMilliseconds: Double
    let kernelTablesMilliseconds: Double
    /// The longest that a worker took for one batch of events meanwhile.
    let longestTurnMilliseconds: Double
    let bytesPerEndpoint: Double

    static let sizes = [1_000, 10_000, 100_000]
    static let quickSizes = [1_000, 10_000]
    private static let file = "mesh.json"
    private static let endpointsPerService = 10
    /// Reading the largest takes a while on a busy machine.
    private static let patience: TimeInterval = 240

    /// Raises a node of its own, gives it so many endpoints, and changes one of them.
    static func measure(_ endpoints: Int) throws -> MeshSize {
        var node = Topology.Node(name: "node-1", zone: "a", region: "r")
        node.workers = 1
        let idle = Topology.Service("idle", port: 7001, program: .idle, on: [.pod("node-1")], policy: "allow: []\n")
        let lab = try Lab.raise(Topology(nodes: [node], services: [idle]), name: "size")
        defer { try? lab.lower() }
        try lab.startDaemons()
        let daemon = lab.nodes[0]
        let before = Usage(of: lab.daemonProcesses(daemon)).residentBytes
        let begun = Date()
        try publish(endpoints, weight: 1, lab, daemon)
        let loadSeconds = Date().timeIntervalSince(begun)
        try publish(endpoints, weight: 2, lab, daemon)
        // Counters of workers are published once a second.
        usleep(1_500_000)
        let metrics = try Metrics(lab.metrics(daemon))
        let after = Usage(of: lab.daemonProcesses(daemon)).residentBytes
        return MeshSize(
            endpoints: endpoints, loadSeconds: loadSeconds, buildMilliseconds: try metrics.milliseconds(step: "build"),
            adoptionMilliseconds: try metrics.milliseconds(step: "adoption"),
            kernelTablesMilliseconds: try metrics.milliseconds(step: "kernel_tables"),
            longestTurnMilliseconds: try metrics.value("myelin_worker_longest_turn_seconds{worker=\"0\"}") * 1000,
            bytesPerEndpoint: Double(after - before) / Double(endpoints))
    }

    /// Puts the file there and waits until a worker has adopted a snapshot made of it.
    private static func publish(_ endpoints: Int, weight: Int, _ lab: Lab, _ daemon: LabNode) throws {
        let adopted = "myelin_snapshot_adopted_generation{worker=\"0\"}"
        let generation = try Metrics(lab.metrics(daemon)).value(adopted)
        try lab.write(registryText: registry(endpoints, weight: weight), file: file, on: daemon)
        let deadline = Date().addingTimeInterval(patience)
        while Date() < deadline {
            if let now = try? Metrics(lab.metrics(daemon)).value(adopted), now > generation { return }
            usleep(20_000)
        }
        throw BenchFailure("\(endpoints) endpoints were not adopted within \(Int(patience)) s")
    }

    /// - Parameter weight: of the first endpoint; all others have 1.
    private static func registry(_ endpoints: Int, weight: Int) -> String {
        let services = (0..<endpoints / endpointsPerService).map { service in
            let records = (0..<endpointsPerService).map { endpoint in
                let number = service * endpointsPerService + endpoint
                let address = "10.\(100 + number >> 16).\(number >> 8 & 255).\(number & 255)"
                return #"{"address":"\#(address)","node":"far","weight":\#(number == 0 ? weight : 1)}"#
            }
            return #"{"service":"s\#(service)","port":8080,"endpoints":[\#(records.joined(separator: ","))]}"#
        }
        return #"{"nodes":[{"name":"far","address":"10.88.200.1","zone":"b","region":"r"}],"services":["#
            + services.joined(separator: ",\n")
            + "]}"
    }
}

extension Report {
    /// A row for each size; nothing if none was measured.
    func meshSizeTable() -> String {
        guard !meshSizes.isEmpty else { return "" }
        let headings = ["endpoints", "load s", "build ms", "adoption ms", "kernel tables ms", "longest turn ms", "bytes/endpoint"]
        let rows = meshSizes.map { size in
            [
                String(size.endpoints), String(format: "%.2f", size.loadSeconds),
                String(format: "%.1f", size.buildMilliseconds), String(format: "%.1f", size.adoptionMilliseconds),
                String(format: "%.1f", size.kernelTablesMilliseconds), String(format: "%.2f", size.longestTurnMilliseconds),
                String(format: "%.0f", size.bytesPerEndpoint),
            ]
        }
        return "\nSize of the mesh, on one node; times are of a change of one endpoint\n" + Columns.lay([headings] + rows, indentation: 4)
    }
}
