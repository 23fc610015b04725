internal import Foundation

/// HTTP load from a workload, and the steerable services that it goes to.
extension Lab {
    /// Sends requests as `load` says, to the end.
    package func send(_ load: RequestLoad, from workload: Workload) throws(LabError) -> RequestReport {
        try start(load, from: workload).finish()
    }

    /// Sends requests in the background.
    package func start(_ load: RequestLoad, from workload: Workload) throws(LabError) -> RunningLoad {
        let (process, output) = try spawn(in: workload, [binaries.load] + load.arguments)
        return RunningLoad(process: process, output: output, patience: load.longest)
    }

    /// Changes how a steerable service answers: `delay=20ms&fail=100%&status=503&ready=false`.
    package func steer(_ workload: Workload, _ change: String) throws(LabError) {
        let query = change.replacingOccurrences(of: "%", with: "%25")
        let result = try curl(from: workload, "http://127.0.0.1:\(workload.port)/control?\(query)", ["-f"])
        guard result.succeeded else { throw LabError("\(workload) cannot be steered", result.description) }
    }

    /// What a steerable service was asked since it started.
    package func requestCounts(_ workload: Workload) throws(LabError) -> RequestCounts {
        let result = try curl(from: workload, "http://127.0.0.1:\(workload.port)/stats", ["-f"])
        guard result.succeeded, let counts = try? JSONDecoder().decode(RequestCounts.self, from: Data(result.output.utf8)) else {
            throw LabError("\(workload) does not tell its counts", result.description)
        }
        return counts
    }

    /// Every request that ever came to a steerable service, also before it was killed: method, path and payment's identifier.
    package func requestsEverSeen(_ workload: Workload) -> [(method: String, path: String, id: String)] {
        let text = (try? String(contentsOfFile: serviceDirectory(workload) + "/" + ServiceProgram.requestLog, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            return words.count == 3 ? (words[0], words[1], words[2]) : nil
        }
    }

    /// Takes the cable out of a node, or puts it back: nothing passes between it and the others.
    package func setLink(of node: LabNode, isUp: Bool) throws(LabError) {
        try ChildProcess.script("ip -n \(places.wire) link set n\(node.number) \(isUp ? "up" : "down")")
    }

    /// Replaces a service's policy file on all nodes and waits until every worker decides by it.
    package func apply(policy: String?, of service: String) throws(LabError) {
        let before = try nodes.map { node throws(LabError) in try generations(node).published }
        try write(policy: policy, of: service)
        for node in nodes { try signalDaemon(node, SIGHUP) }
        for (node, old) in zip(nodes, before) {
            let deadline = ContinuousClock.now + Self.reload
            while case let now = try generations(node), now.published <= old || now.adopted.contains(where: { $0 < now.published }) {
                guard ContinuousClock.now < deadline else {
                    throw LabError("\(node.name) does not take \(service)'s policy", daemonLogTail(node))
                }
                usleep(20_000)
            }
        }
    }

    /// Waits until every worker of the node decides by the newest snapshot.
    package func awaitAdoption(_ node: LabNode, timeout: Duration = .seconds(10)) throws(LabError) {
        let deadline = ContinuousClock.now + timeout
        while true {
            let now = try generations(node)
            if now.adopted.allSatisfy({ $0 >= now.published }) { return }
            guard ContinuousClock.now < deadline else {
                throw LabError("the workers of \(node.name) do not adopt snapshot \(now.published)")
            }
            usleep(5_000)
        }
    }

    private struct Link: Decodable {
        struct Statistics: Decodable {
            struct Direction: Decodable { let bytes: Int }
            let rx: Direction
        }
        let stats64: Statistics
    }

    /// Bytes that have reached the node from the others so far.
    package func receivedBytes(_ node: LabNode) throws(LabError) -> Int {
        let result = try runOnNode(node, ["ip", "-s", "-j", "link", "show", "uplink"])
        guard let links = try? JSONDecoder().decode([Link].self, from: Data(result.output.utf8)), let link = links.first else {
            throw LabError("the uplink of \(node.name) cannot be counted", result.description)
        }
        return link.stats64.rx.bytes
    }

    private static let reload = Duration.seconds(10)

    private struct Generations: Decodable {
        var generation: UInt64
        var adopted_generations: [UInt64]
    }

    private func generations(_ node: LabNode) throws(LabError) -> (published: UInt64, adopted: [UInt64]) {
        let result = try control(node, ["status", "-o", "json"])
        guard let found = try? JSONDecoder().decode(Generations.self, from: Data(result.output.utf8)) else {
            throw LabError("the status of \(node.name) cannot be read", result.description)
        }
        return (found.generation, found.adopted_generations)
    }
}
