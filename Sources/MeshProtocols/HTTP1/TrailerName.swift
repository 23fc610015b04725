/// The name of a field in a trailer section, known by its hash: names come byte by byte, and none is kept.
struct TrailerName: BitwiseCopyable, Sendable {
    /// FNV-1a of the name in lower case.
    private var hash: UInt64 = 0xcbf2_9ce4_8422_2325

    mutating func append(_ byte: UInt8) { hash = (hash ^ UInt64(ByteClass.lowered(byte))) &* 0x100_0000_01b3 }

    /// Names that frame or address a message must not come after it (RFC 9110 §6.5.1). A name of the same hash is refused as well.
    var isForbidden: Bool { Self.forbidden.contains(hash) }

    static func isForbidden(_ name: some Sequence<UInt8>) -> Bool { of(name).isForbidden }

    private static func of(_ name: some Sequence<UInt8>) -> TrailerName { name.reduce(into: TrailerName()) { $0.append($1) } }

    private static let forbidden: Set<UInt64> = Set(
        [
            "transfer-encoding", "content-length", "host", "connection", "keep-alive", "te", "trailer", "upgrade", "expect",
            "content-encoding", "content-type", "content-range", "authorization", "cookie", "set-cookie", "grpc-timeout",
            "x-myelin-deadline", "x-myelin-reason",
        ].map { of($0.utf8).hash })
}
