internal import Hummingbird
internal import HummingbirdCore
internal import NIOCore

/// What a reader may take of the daemon, on the status socket and on the metrics port alike.
enum ServerBounds {
    /// Of one server; beyond, the one that was not heard for longest gives way.
    static let connections = 256
    /// Of one user of the status socket: who opens more closes the own ones.
    static let perUser = 32
    /// A connection that says nothing at all is closed after this.
    static let silence = TimeAmount.seconds(10)
    /// A connection between two requests is closed after this.
    static let idle = TimeAmount.seconds(60)
    /// Bytes of a request's header.
    static let header = 16 * 1024
    /// Entries of an answer about flows: what the daemon remembers.
    static let flows = 4096
    static let flowsUnlessAsked = 100

    /// - Parameter source: whose a connection is.
    static func server(perSource: Int, _ source: @escaping @Sendable (any Channel) -> String) -> HTTPServerBuilder {
        let reception = Reception(total: connections, perSource: perSource)
        return HTTPServerBuilder { responder in channel(responder, reception, source) }
    }

    static func channel(
        _ responder: @escaping HTTPChannelHandler.Responder, _ reception: Reception, _ source: @escaping @Sendable (any Channel) -> String
    ) -> BoundedChannel {
        BoundedChannel(base: HTTP1Channel(responder: responder, configuration: decoder()), reception: reception, source: source)
    }

    private static func decoder() -> HTTP1Channel.Configuration {
        var configuration = HTTP1Channel.Configuration(idleTimeout: idle)
        configuration.httpDecoder = .init(maxHeaderFieldSize: header, maxHeaderListSize: header, maxHeaderFieldCount: 100)
        return configuration
    }

    static func configuration(_ address: BindAddress) -> ApplicationConfiguration {
        ApplicationConfiguration(address: address, serverName: "myelind")
    }
}
