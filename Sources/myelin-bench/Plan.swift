/// What is measured, how often and for how long.
struct Plan {
    var rounds: Int
    /// How long each operation runs.
    var seconds: Double
    var operations: [Operation]
    var tables = Table.allCases
    /// Connections held open for the memory of an idle one.
    var idleConnections: Int

    static let quick = Plan(rounds: 2, seconds: 0.7, operations: Operation.allCases, idleConnections: 500)
    static let full = Plan(rounds: 5, seconds: 3, operations: Operation.allCases, idleConnections: 2000)
}

/// One table: a way from client to server.
enum Table: String, CaseIterable, Codable {
    /// Client → proxy → server on one node, no encryption.
    case plain
    /// Client → proxy → mutual TLS → proxy → server, two nodes.
    case pair
    /// Client → server on one node, as the mesh carries it when policy is about connections.
    case sameNode = "same-node"

    var title: String {
        switch self {
        case .plain: "L4 plain: one proxy, one node, no encryption"
        case .pair: "L4 through a pair of proxies with mutual TLS 1.3 (P-256, AES-128-GCM), two nodes"
        case .sameNode: "Same node, connection-level policy: against no mesh at all"
        }
    }
}

/// What the load generator does.
enum Operation: String, CaseIterable, Codable {
    /// One connection, 128 bytes there and back.
    case ping1
    /// 64 connections, each 128 bytes there and back.
    case ping64
    /// Connect, 128 bytes there and back, close; 16 at a time.
    case connect
    /// One connection that sends as fast as it can to a server that echoes; what came back counts.
    case bulk

    var connections: Int {
        switch self {
        case .ping1, .bulk: 1
        case .ping64: 64
        case .connect: 16
        }
    }
    /// The unit of one operation, for CPU per operation.
    var unit: String {
        switch self {
        case .ping1, .ping64: "message"
        case .connect: "connection"
        case .bulk: "KiB"
        }
    }
}
