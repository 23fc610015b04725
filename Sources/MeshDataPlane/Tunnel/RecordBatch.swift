internal import MeshTLS

/// Gathers small frames of many streams into full TLS records; large ones pass without a copy.
struct RecordBatch: ~Copyable {
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: TLSSession.maximumRecord, alignment: 64)
    private var count = 0
    /// A frame of at least this size is a record of its own.
    private static let direct = TLSSession.maximumRecord / 2

    deinit { buffer.deallocate() }

    mutating func removeAll() { count = 0 }

    /// - Returns: false when sealing failed.
    mutating func add(_ frame: UnsafeRawBufferPointer, seal: (UnsafeRawBufferPointer) -> Bool) -> Bool {
        if frame.count >= Self.direct || count + frame.count > buffer.count {
            guard finish(seal: seal) else { return false }
        }
        if frame.count >= Self.direct { return seal(frame) }
        (buffer.baseAddress! + count).copyMemory(from: frame.baseAddress!, byteCount: frame.count)
        count += frame.count
        return true
    }

    mutating func finish(seal: (UnsafeRawBufferPointer) -> Bool) -> Bool {
        guard count > 0 else { return true }
        defer { count = 0 }
        return seal(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count]))
    }
}
