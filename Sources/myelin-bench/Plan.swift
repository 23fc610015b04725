/// What is measured, how often and for how long.
struct Plan {
    var rounds: Int
    /// How long each operation runs.
    var seconds: Double
    var tables = Table.allCases
    /// Connections held open for the memory of an idle one.
    var idleConnections: Int
    /// Endpoints of the meshes whose snapshots are measured.
    var meshSizes: [Int] = []
    /// Endpoints of the mesh whose registry is in etcd.
    var sharedRegistry: Int?

    static let quick = Plan(rounds: 2, seconds: 0.7, idleConnections: 500)
    static let full = Plan(rounds: 5, seconds: 3, idleConnections: 2000)
}

/// One table: a way from client to server.
enum Table: String, CaseIterable, Codable {
    /// Client → proxy → server on one node, no encryption.
    case plain
    /// Client → proxy → mutual TLS → proxy → server, two nodes.
    case pair
    /// Client → server on one node, as the mesh carries it when policy is about connections.
    case sameNode = "same-node"
    /// HTTP/1.1: client → proxy → server on one node.
    case http
    /// HTTP/1.1: client → proxy → mutual TLS → proxy → server, two nodes.
    case httpPair = "http-pair"
    /// HTTP/2 without TLS (prior knowledge): client → proxy → server on one node.
    case http2
    /// HTTP/2 without TLS at both ends: client → proxy → mutual TLS → proxy → server, two nodes.
    case http2Pair = "http2-pair"

    var isHTTP: Bool { self == .http || self == .httpPair || isHTTP2 }
    var isHTTP2: Bool { self == .http2 || self == .http2Pair }
    var hasTwoNodes: Bool { self == .pair || self == .httpPair || self == .http2Pair }
    var operations: [Operation] {
        switch self {
        case .plain, .pair, .sameNode: [.ping1, .ping64, .connect, .bulk]
        case .http, .httpPair: [.http1, .http64]
        case .http2, .http2Pair: [.streams100, .streams64]
        }
    }

    /// What every contender does for a moment before it counts, and what its instructions are counted for.
    var typical: Operation { isHTTP2 ? .streams100 : isHTTP ? .http64 : .ping64 }

    var title: String {
        switch self {
        case .plain: "L4 plain: one proxy, one node, no encryption"
        case .pair: "L4 through a pair of proxies with mutual TLS 1.3 (P-256, AES-128-GCM), two nodes"
        case .http: "HTTP/1.1: one proxy, one node; routes, balancing, deadline, retries, policy, metrics"
        case .httpPair: "HTTP/1.1 through a pair of proxies with mutual TLS 1.3, two nodes; the same features"
        case .http2: "HTTP/2 (h2c): one proxy, one node; the same features"
        case .http2Pair: "HTTP/2 (h2c) through a pair of proxies with mutual TLS 1.3, two nodes; the same features"
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
    /// One connection, GET requests one after the other, answers of 128 bytes.
    case http1
    /// The same on 64 connections.
    case http64
    /// One HTTP/2 connection, GET requests on 100 streams at once, answers of 128 bytes.
    case streams100
    /// The same on 64 connections, one stream on each at once.
    case streams64

    var connections: Int {
        switch self {
        case .ping1, .bulk, .http1, .streams100: 1
        case .ping64, .http64, .streams64: 64
        case .connect: 16
        }
    }
    /// The unit of one operation, for CPU per operation.
    var unit: String {
        switch self {
        case .ping1, .ping64: "message"
        case .connect: "connection"
        case .bulk: "KiB"
        case .http1, .http64, .streams100, .streams64: "request"
        }
    }
}
