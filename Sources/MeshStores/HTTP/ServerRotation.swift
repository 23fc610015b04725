/// Which server of a store comes next. Each node begins with another one.
struct ServerRotation {
    private let servers: [String]
    private var index: Int

    /// - Parameter servers: at least one.
    init(_ servers: [String], using random: inout some RandomNumberGenerator) {
        self.servers = servers
        index = Int.random(in: 0..<servers.count, using: &random)
    }

    var current: String { servers[index] }
    var count: Int { servers.count }

    mutating func advance() { index = (index + 1) % servers.count }
}
