/// Gathers frames so that many leave by one call. A worker has one.
struct FrameBatch: ~Copyable {
    private static let capacity = 64 << 10
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: FrameBatch.capacity, alignment: 64)
    private var count = 0

    deinit { buffer.deallocate() }

    mutating func removeAll() { count = 0 }

    /// - Parameter send: - Returns: false on a broken connection.
    mutating func add(_ frame: UnsafeRawBufferPointer, send: (UnsafeRawBufferPointer) -> Bool) -> Bool {
        if count + frame.count > buffer.count {
            guard finish(send: send) else { return false }
            if frame.count > buffer.count { return send(frame) }
        }
        guard let source = frame.baseAddress else { return true }
        (buffer.baseAddress! + count).copyMemory(from: source, byteCount: frame.count)
        count += frame.count
        return true
    }

    mutating func finish(send: (UnsafeRawBufferPointer) -> Bool) -> Bool {
        guard count > 0 else { return true }
        defer { count = 0 }
        return send(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count]))
    }
}
