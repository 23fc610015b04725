/// Where Redis is, and how to speak to it.
package struct RedisOptions: Sendable {
    package var host: String
    package var port: Int
    package var database = 0
    package var usesTLS = false
    /// Authorities for its certificate; nil: those of the system.
    package var authorityFile: String?
    package var username: String?
    /// Read for each connection, so that it may change.
    package var passwordFile: String?
    /// For the answer to each command.
    package var timeout = Duration.milliseconds(200)
    /// The same on all nodes that count together.
    package var trustDomain: String

    package init(host: String, port: Int, trustDomain: String) {
        self.host = host
        self.port = port
        self.trustDomain = trustDomain
    }

    package var description: String { "\(host.contains(":") ? "[\(host)]" : host):\(port)" }

    /// Of all keys.
    var prefix: String { "myelin:\(trustDomain):rl:" }
}

/// Whether limits that all nodes share are counted together now.
package enum LessorStatus: Sendable, Equatable {
    case connecting
    case available
    /// - Parameter reason: in an operator's words.
    case away(reason: String)
}
