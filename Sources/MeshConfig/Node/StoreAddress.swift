internal import MeshTypes

/// `https://10.0.0.2:2379`, or `http://` without TLS: where a store's server is.
package struct StoreAddress: Hashable, Sendable, CustomStringConvertible {
    /// Without brackets.
    package let host: String
    package let port: Int
    package let usesTLS: Bool

    package init?(_ text: String, defaultPort: Int) {
        let scheme = text.prefix { $0 != ":" }
        guard scheme == "http" || scheme == "https", text.dropFirst(scheme.count).hasPrefix("://") else { return nil }
        var rest = text.dropFirst(scheme.count + 3)
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        guard let (host, port) = RedisAddress.authority(rest, defaultPort: defaultPort) else { return nil }
        self.host = host
        self.port = port
        usesTLS = scheme == "https"
    }

    package var description: String {
        "\(usesTLS ? "https" : "http")://\(host.contains(":") ? "[\(host)]" : host):\(port)"
    }
}
