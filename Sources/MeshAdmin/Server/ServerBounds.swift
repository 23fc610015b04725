internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore

/// What a reader may take of the daemon, on the status socket and on the metrics port alike.
enum ServerBounds {
    /// Further connections wait in the backlog.
    static let connections = 64
    /// A connection without a request is closed after this.
    static let idle = TimeAmount.seconds(60)
    /// Bytes of a request's header.
    static let header = 16 * 1024
    /// Entries of an answer about flows: what the daemon remembers.
    static let flows = 4096
    static let flowsUnlessAsked = 100

    static func server() -> HTTPServerBuilder { .http1(configuration: channel()) }

    static func channel() -> HTTP1Channel.Configuration {
        var configuration = HTTP1Channel.Configuration(idleTimeout: idle)
        configuration.httpDecoder = .init(maxHeaderFieldSize: header, maxHeaderListSize: header, maxHeaderFieldCount: 100)
        return configuration
    }

    static func configuration(_ address: BindAddress, log: Logger) -> ApplicationConfiguration {
        ApplicationConfiguration(
            address: address, serverName: "myelind", availableConnectionsDelegate: .maximum(connections, logger: log))
    }
}
