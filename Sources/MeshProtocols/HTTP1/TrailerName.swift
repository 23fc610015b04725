/// The name of a field in a trailer section. It is kept as it comes, since only the whole name tells whether the field goes on.
struct TrailerName: BitwiseCopyable, Sendable {
    /// Bytes of a name; a field with a longer one is left out.
    static let capacity = 64

    private var storage = InlineArray<64, UInt8>(repeating: 0)
    private(set) var count = 0

    mutating func append(_ byte: UInt8) {
        if count < Self.capacity { storage[count] = byte }
        count += 1
    }

    /// Lends the bytes of a name that is not too long.
    func withBytes<Value>(_ body: (UnsafeRawBufferPointer) -> Value) -> Value {
        let storage = storage
        return storage.span.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[..<min(count, Self.capacity)])) }
    }

    var isLeftOut: Bool { count > Self.capacity || withBytes { Self.isLeftOut($0) } }

    /// What frames a message, says where it goes or who sent it, asks something of its receiver or describes its content must be known before the
    /// content (RFC 9110 §6.5.1): in a trailer section nobody may take it for what it would be in a head. Such a field is left out; the message
    /// itself is sound.
    static func isLeftOut(_ name: UnsafeRawBufferPointer) -> Bool {
        let bytes = Span<UInt8>(_unsafeBytes: name)
        let range = ByteRange(0, name.count)
        switch FieldKind(bytes, range) {
        case .other, .retryAfter: break
        default: return true
        }
        return names.contains(where: { bytes.matches($0, at: range) })
    }

    private static let names: [StaticString] = [
        "trailer", "authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate", "authentication-info", "cookie",
        "set-cookie", "content-encoding", "content-range", "content-location", "cache-control", "pragma", "range", "if-match",
        "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "age", "expires", "date", "location", "vary",
        "accept-encoding", "origin", "referer", "user-agent", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port",
    ]
}
