internal import MeshTypes

/// `redis://10.0.0.9:6379/0`, or `rediss://` for TLS: where a Redis server is.
package struct RedisAddress: Hashable, Sendable, CustomStringConvertible {
    package static let defaultPort = 6379
    private static let longestHost = 255
    private static let highestDatabase = 1_000_000

    /// Without brackets.
    package let host: String
    package let port: Int
    package let database: Int
    package let usesTLS: Bool

    package init?(_ text: String) {
        let scheme = text.prefix { $0 != ":" }
        guard scheme == "redis" || scheme == "rediss", text.dropFirst(scheme.count).hasPrefix("://") else { return nil }
        let parts = text.dropFirst(scheme.count + 3).split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let (host, port) = Self.authority(parts[0], defaultPort: Self.defaultPort) else { return nil }
        let path = parts.count == 2 ? String(parts[1]) : ""
        guard let database = path.isEmpty ? 0 : Int(path), (0...Self.highestDatabase).contains(database) else { return nil }
        self.host = host
        self.port = port
        self.database = database
        usesTLS = scheme == "rediss"
    }

    /// A name, an IPv4 address, or an IPv6 address in brackets, and perhaps a port.
    static func authority(_ text: Substring, defaultPort: Int) -> (host: String, port: Int)? {
        var rest = text
        let host: String
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]"), let ip = IPAddress(String(text[text.index(after: text.startIndex)..<end])), !ip.isV4
            else { return nil }
            host = "\(ip)"
            rest = text[text.index(after: end)...]
        } else {
            host = String(text.prefix { $0 != ":" })
            rest = text.dropFirst(host.count)
            guard !host.isEmpty, host.utf8.count <= longestHost, host.utf8.allSatisfy(isInName) else { return nil }
        }
        if rest.isEmpty { return (host, defaultPort) }
        guard rest.hasPrefix(":"), let port = UInt16(rest.dropFirst()), port > 0 else { return nil }
        return (host, Int(port))
    }

    private static func isInName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    package var description: String {
        "\(usesTLS ? "rediss" : "redis")://\(host.contains(":") ? "[\(host)]" : host):\(port)/\(database)"
    }
}
