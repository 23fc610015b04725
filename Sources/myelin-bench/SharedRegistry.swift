import Foundation
import MeshLab

/// What a registry costs that nodes share in etcd: twenty of them announce ten instances of each service, signed, and the daemon of one more
/// follows. `AnnounceCommand` stands for the twenty.
struct SharedRegistry: Codable {
    let endpoints: Int
    /// From the first write to the last one.
    let writtenSeconds: Double
    /// From the first write until the worker of the daemon that follows decides by all.
    let knownSeconds: Double
    /// From the start of a daemon that knows nothing until its worker decides by all.
    let lateSeconds: Double
    /// From the start of `etcdctl put` of one record until a worker decides by it.
    let changeMilliseconds: Double
    /// Of resident memory, of the daemon that follows.
    let bytesPerEndpoint: Double
    /// What the node that follows receives for all, for one change, and while nothing changes.
    let bytesForAll: Int
    let bytesForChange: Int
    let idleBytesPerSecond: Double

    static let size = 10_000
    static let quickSize = 1_000

    static func measure(_ endpoints: Int) throws -> SharedRegistry {
        let stage = try SharedRegistryStage(endpoints: endpoints)
        defer { stage.close() }
        return try stage.measure()
    }
}

/// The laboratory: one node, and etcd in the world around it.
private final class SharedRegistryStage {
    private static let nodes = 20
    private static let instancesPerService = 10
    private static let patience: TimeInterval = 120
    private static let idleSeconds = 10
    /// A report is merged and published within this; waiting it out makes times longer, never shorter.
    private static let settling: UInt32 = 50_000

    private let lab: Lab
    private let store: LabStore
    private let endpoints: Int
    private var services: Int { endpoints / Self.instancesPerService }
    private var reader: LabNode { lab.nodes[0] }
    /// The services' records, the endpoints, the nodes that announce and the one that follows.
    private var records: Int { services + endpoints + Self.nodes + 1 }

    init(endpoints: Int) throws {
        self.endpoints = endpoints
        var node = Topology.Node(name: "node-1", zone: "zone-1", region: "region")
        node.workers = 1
        node.registry = .store
        let idle = Topology.Service("idle", port: 7001, program: .idle, on: [.pod("node-1")], policy: "allow: []\n")
        lab = try Lab.raise(Topology(nodes: [node], services: [idle]), name: "shared")
        do {
            store = try LabStore(lab)
            try lab.startDaemons()
        } catch {
            try? lab.lower()
            throw error
        }
    }

    func close() {
        store.kill()
        try? lab.lower()
    }

    func measure() throws -> SharedRegistry {
        let before = Usage(of: lab.daemonProcesses(reader)).residentBytes
        let program = CommandLine.arguments[0].hasPrefix("/") ? CommandLine.arguments[0] : Bundle.main.executablePath ?? "myelin-bench"
        let announcers = try store.startBeside([
            program, "announce", "--server", LabStore.server, "--authority", lab.directory + "/ca", "--trust-domain",
            lab.plan.topology.trustDomain, "--nodes", "\(Self.nodes)", "--services", "\(services)",
        ])
        defer { announcers.process.end() }
        let began = try time("began", in: announcers.output)
        try wait(for: records)
        let known = Date().timeIntervalSince1970 - began
        let written = try time("written", in: announcers.output) - began

        try lab.signalDaemon(reader, SIGTERM)
        try FileManager.default.removeItem(atPath: reader.directory + "/state/registry")
        let all = try lab.receivedBytes(reader)
        let restarted = Date()
        try lab.startDaemon(reader)
        try wait(for: records)
        let late = Date().timeIntervalSince(restarted)
        let quiet = try lab.receivedBytes(reader)
        let memory = Usage(of: lab.daemonProcesses(reader)).residentBytes - before
        sleep(UInt32(Self.idleSeconds))
        let single = try lab.receivedBytes(reader)
        let changed = Date()
        try store.declare("one-more", #"{"service":"one-more","port":80}"#)
        try wait(for: records + 1)
        return SharedRegistry(
            endpoints: endpoints, writtenSeconds: written, knownSeconds: known, lateSeconds: late,
            changeMilliseconds: Date().timeIntervalSince(changed) * 1000, bytesPerEndpoint: Double(memory) / Double(endpoints),
            bytesForAll: quiet - all, bytesForChange: try lab.receivedBytes(reader) - single,
            idleBytesPerSecond: Double(single - quiet) / Double(Self.idleSeconds))
    }

    /// When the announcers said so, in seconds since the epoch.
    private func time(_ word: String, in output: String) throws -> Double {
        let deadline = Date().addingTimeInterval(Self.patience)
        while Date() < deadline {
            let lines = ((try? String(contentsOfFile: output, encoding: .utf8)) ?? "").split(separator: "\n")
            if let line = lines.first(where: { $0.hasPrefix(word + " ") }), let time = Double(line.dropFirst(word.count + 1)) {
                return time
            }
            if let failure = lines.first(where: { $0.hasPrefix("failed ") }) { throw BenchFailure("the announcing nodes \(failure)") }
            usleep(20_000)
        }
        throw BenchFailure("the announcing nodes do not say that they have \(word)")
    }

    /// Waits until the reader's source has so many records and its worker decides by the snapshot made of them.
    private func wait(for count: Int) throws {
        let deadline = Date().addingTimeInterval(Self.patience)
        while Date() < deadline {
            if let text = try? lab.metrics(reader), let known = try? Metrics(text).value("myelin_registry_source_records{source=\"etcd\"}"),
                Int(known) >= count
            {
                usleep(Self.settling)
                try lab.awaitAdoption(reader)
                return
            }
            usleep(20_000)
        }
        throw BenchFailure("\(count) records were not known within \(Int(Self.patience)) s")
    }
}

extension Report {
    /// Nothing if it was not measured.
    func sharedRegistryTable() -> String {
        guard let found = sharedRegistry else { return "" }
        let headings = [
            "endpoints", "written s", "known s", "late reader s", "change ms", "memory B/endpoint", "received B/endpoint", "B/change",
            "idle B/s",
        ]
        let row = [
            String(found.endpoints), String(format: "%.2f", found.writtenSeconds), String(format: "%.2f", found.knownSeconds),
            String(format: "%.2f", found.lateSeconds),
            String(format: "%.0f", found.changeMilliseconds), String(format: "%.0f", found.bytesPerEndpoint),
            String(format: "%.0f", Double(found.bytesForAll) / Double(found.endpoints)), String(found.bytesForChange),
            String(format: "%.0f", found.idleBytesPerSecond),
        ]
        return "\nA registry in etcd: 20 nodes announce, one more follows\n" + Columns.lay([headings, row], indentation: 4)
    }
}
