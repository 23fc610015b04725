package import MeshTypes

/// Writes statements for a peer that takes them as quickly or slowly as it likes: at most one waits, and it is the newest. A value.
package struct HealthFeedWriter: Sendable {
    static let ready = Array("ready".utf8)
    static let unready = Array("unready".utf8)
    static let end = Array("end".utf8)

    private var bytes: [UInt8] = []
    private var sent = 0
    /// The unready endpoints of the statement in `bytes`, and of the last one that went out whole.
    private var stated: Set<SocketAddress> = []
    private var told: Set<SocketAddress> = []
    /// There is news, but an older statement is still going out.
    package private(set) var isBehind = false

    package init() {}

    /// - Parameter lines: the present state; more than `HealthFeed.maximumEndpoints` are left out.
    package mutating func state(_ lines: [HealthFeed.Line]) {
        guard sent == bytes.count else {
            isBehind = true
            return
        }
        isBehind = false
        bytes.removeAll(keepingCapacity: true)
        sent = 0
        stated.removeAll(keepingCapacity: true)
        for line in lines.prefix(HealthFeed.maximumEndpoints) {
            bytes += Array(line.endpoint.description.utf8) + [UInt8(ascii: " ")] + (line.isReady ? Self.ready : Self.unready)
            bytes.append(UInt8(ascii: "\n"))
            if !line.isReady { stated.insert(line.endpoint) }
        }
        bytes += Self.end + [UInt8(ascii: "\n")]
    }

    /// - Returns: how many bytes were written; 0 when nothing waits.
    package mutating func fill(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(buffer.count, bytes.count - sent)
        guard count > 0 else { return 0 }
        buffer.copyBytes(from: bytes[sent..<(sent + count)])
        sent += count
        if sent == bytes.count { told = stated }
        return count
    }

    /// The peer was told that the endpoint is not ready: if it sends something there, it means to.
    package func hasToldUnready(_ endpoint: SocketAddress) -> Bool { told.contains(endpoint) }
}
