internal import MeshProtocols
internal import MeshSystem
internal import MeshTypes

/// A client's query that waits for an upstream.
struct WaitingClient {
    let query: DNSMessage
    let client: NameClient
    let asker: NameAsker
}

/// A question on its way to upstreams, for all who ask the same meanwhile; without a client: a probe of one upstream.
final class ForwardedQuery {
    let key: NameKey
    /// The servers in the order in which they are tried.
    let servers: [SocketAddress]
    let isProbe: Bool
    let begun: UInt64
    let deadline: UInt64
    var clients: [WaitingClient] = []
    /// Whose share of the cache the answer takes.
    let owner: WorkloadID
    /// Questions that went out and may still be answered; earlier ones stay open, as a slow answer is an answer.
    var attempts: [UpstreamAttempt] = []
    /// Questions in all, and when the next goes out.
    var asked = 0
    var nextAttempt: UInt64 = 0
    /// Clients were given an expired answer; a newer one is still wanted.
    var wasStale = false
    /// An upstream had an answer that was too long for UDP.
    var wasTruncated = false
    var isFinished = false

    /// Questions over all servers, for one query.
    static let maximumAttempts = 6

    init(key: NameKey, servers: [SocketAddress], owner: WorkloadID, isProbe: Bool, begun: UInt64, deadline: UInt64) {
        self.key = key
        self.servers = servers
        self.owner = owner
        self.isProbe = isProbe
        self.begun = begun
        self.deadline = deadline
    }

    /// Who is asked next: each server once, then from the first on again.
    var next: SocketAddress { servers[asked % servers.count] }
    var canAskMore: Bool { asked < min(max(servers.count, Self.roundsOfOne), Self.maximumAttempts) }
    var hasUnaskedServer: Bool { asked < min(servers.count, Self.maximumAttempts) }

    /// A single server is asked so often, as datagrams get lost.
    private static let roundsOfOne = 3
}

/// One question to one upstream: its own socket, so its own random port.
final class UpstreamAttempt {
    enum Transport {
        case datagram(NameSocket)
        case connecting(NameSocket)
        case stream(NameSocket)

        var socket: NameSocket {
            switch self {
            case .datagram(let socket), .connecting(let socket), .stream(let socket): socket
            }
        }
    }

    /// Why it is asked over TCP.
    enum Reason { case truncated, respelled }

    unowned let query: ForwardedQuery
    let server: SocketAddress
    let question: UpstreamQuestion
    let begun: UInt64
    var transport: Transport?
    var reason: Reason?
    var incoming = DNSStream()
    /// Datagrams that answered something else; many mean that somebody guesses.
    var mismatches = 0
    /// It was counted as a time-out; its answer is still welcome.
    var isOverdue = false

    /// Wrong datagrams until the question is put over TCP, where guessing does not help (RFC 5452 §9.1).
    static let maximumMismatches = 32

    init(_ query: ForwardedQuery, server: SocketAddress, question: UpstreamQuestion, begun: UInt64) {
        self.query = query
        self.server = server
        self.question = question
        self.begun = begun
    }
}
