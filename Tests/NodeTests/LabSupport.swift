import Foundation
import MeshLab

extension Binaries {
    /// The load generator, which lies beside the daemon.
    static let load = URL(fileURLWithPath: Binaries.beside().daemon).deletingLastPathComponent().path + "/myelin-load"
}

extension Topology {
    static var twoNodes: [Node] {
        [Node(name: "node-1", zone: "zone-a", region: "region"), Node(name: "node-2", zone: "zone-b", region: "region")]
    }
}

/// Whether `condition` holds before so many seconds have passed.
func eventually(_ seconds: Double = 10, _ condition: () throws -> Bool) throws -> Bool {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < deadline {
        if try condition() { return true }
        usleep(50_000)
    }
    return false
}
