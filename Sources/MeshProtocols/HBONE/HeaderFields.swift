internal import CNGHTTP2

/// A few header fields on their way into nghttp2, which copies the values when they are submitted.
struct HeaderFields: ~Copyable {
    /// No message of ours has more.
    static let capacity = 5

    private var storage: UnsafeMutableRawBufferPointer
    private var fields = [nghttp2_nv]()

    /// - Parameter storage: room for the values; must outlive this.
    init(_ storage: UnsafeMutableRawBufferPointer) {
        self.storage = storage
        fields.reserveCapacity(Self.capacity)
    }

    mutating func add(_ name: StaticString, _ value: StaticString) {
        append(
            name, UnsafeMutablePointer(mutating: value.utf8Start), value.utf8CodeUnitCount,
            flags: NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue | NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue)
    }

    /// - Parameter indexed: whether the value is likely to come again on this connection (RFC 7541 §2.3.2).
    mutating func add(_ name: StaticString, indexed: Bool, _ write: (inout HeaderLine) -> Void) {
        var line = HeaderLine(storage)
        write(&line)
        // A value that does not fit is left out: every field written here but the authority is optional, and that always fits.
        guard !line.overflowed, line.count > 0 else { return }
        let value = storage.assumingMemoryBound(to: UInt8.self).baseAddress!
        storage = UnsafeMutableRawBufferPointer(rebasing: storage[line.count...])
        append(
            name, value, line.count,
            flags: NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue | (indexed ? 0 : NGHTTP2_NV_FLAG_NO_INDEX.rawValue))
    }

    private mutating func append(_ name: StaticString, _ value: UnsafeMutablePointer<UInt8>, _ count: Int, flags: UInt32) {
        fields.append(
            nghttp2_nv(
                name: UnsafeMutablePointer(mutating: name.utf8Start), value: value, namelen: name.utf8CodeUnitCount,
                valuelen: count, flags: UInt8(truncatingIfNeeded: flags)))
    }

    borrowing func withFields<Result>(_ body: (UnsafePointer<nghttp2_nv>?, Int) -> Result) -> Result {
        fields.withUnsafeBufferPointer { body($0.baseAddress, $0.count) }
    }
}
