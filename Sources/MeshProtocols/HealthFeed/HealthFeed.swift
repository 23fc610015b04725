package import MeshTypes

/// Which of a service's endpoints are ready, told by their node to a caller's node through the tunnel between them (R5.5).
///
/// The caller's node asks with a CONNECT for `authority`, which no endpoint can have. The answer's bytes are statements, each a whole picture:
/// a line `<address> ready` or `<address> unready` for each endpoint of the node that is checked, then a line `end`; lines end in LF. There is one
/// at once, one after each change, and one every `heartbeat`, so that silence can be told from peace.
package enum HealthFeed {
    package static let authority = SocketAddress(ip: .v6Any, port: 15021)
    /// Between two statements at most.
    package static let heartbeat = Duration.seconds(5)
    /// What was heard longer ago is not known any more.
    package static let staleness = Duration.seconds(15)
    /// Bytes of a line: the longest address, a space, `unready`.
    package static let longestLine = Authority.maximumLength + 8
    /// Endpoints in one statement. More are not told of.
    package static let maximumEndpoints = 4096
    /// Lines that a peer may send within a second.
    package static let maximumLinesPerSecond = 65_536

    package struct Line: Hashable, Sendable {
        package let endpoint: SocketAddress
        package let isReady: Bool

        package init(endpoint: SocketAddress, isReady: Bool) {
            self.endpoint = endpoint
            self.isReady = isReady
        }
    }
}
