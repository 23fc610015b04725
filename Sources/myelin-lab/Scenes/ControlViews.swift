internal import Foundation
internal import MeshLab

/// What the scenes read of `myelinctl … -o json`.
struct EndpointLine: Decodable {
    let service: String
    let address: String
    let state: String
}

struct ServiceLine: Decodable {
    let service: String
    let breaker: String
}

extension CommandResult {
    var endpoints: [EndpointLine] { decoded() }
    var services: [ServiceLine] { decoded() }

    private func decoded<Line: Decodable>() -> [Line] { (try? JSONDecoder().decode([Line].self, from: Data(output.utf8))) ?? [] }
}

extension Workload {
    /// Of `10.88.1.10:8087` or `[fd88:1::10]:8087`.
    func has(_ address: String) -> Bool { address.hasPrefix(ipv4 + ":") || address.hasPrefix("[\(ipv6)]:") }
}

extension Lab {
    /// The instances of a service on one node.
    func instances(of service: String, on node: LabNode) -> [Workload] {
        workloads.filter { $0.service == service && $0.node == node.name }
    }

    /// Starts an instance that was stopped.
    func revive(_ workload: Workload) throws {
        try startService(workload)
        try awaitService(workload, timeout: .seconds(10))
    }

    /// Waits until the caller's node sees every endpoint of a service well, with a request now and then, as callers send them.
    func awaitWell(_ service: String, port: UInt16, from caller: Workload) throws {
        let deadline = ContinuousClock.now + .seconds(15)
        while ContinuousClock.now < deadline {
            _ = try send(RequestLoad("\(service):\(port)", rate: 100, count: 20), from: caller)
            let states = try control(node(caller.node), ["endpoints", "-o", "json"]).endpoints.filter { $0.service == service }
            if !states.isEmpty, states.allSatisfy({ $0.state == "closed" }) { return }
        }
    }
}
