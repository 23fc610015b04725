internal import COpenSSL

/// OpenSSL's view of the caller's buffers: a BIO that reads the lent input and appends to the ciphertext buffer, so that records
/// are copied once in each direction.
enum RecordTransport {
    /// A BIO on `state`, which must outlive it.
    static func make(_ state: SessionState.Pointer) -> OpaquePointer? {
        guard let method, let bio = BIO_new(method) else { return nil }
        BIO_set_data(bio, state)
        BIO_set_init(bio, 1)
        return bio
    }

    /// Made once, never freed, immutable afterwards.
    nonisolated(unsafe) private static let method: OpaquePointer? = {
        let type = BIO_get_new_index() | BIO_TYPE_SOURCE_SINK
        guard let method = BIO_meth_new(type, "myelin records") else { return nil }
        guard BIO_meth_set_write(method, write) == 1, BIO_meth_set_read(method, read) == 1, BIO_meth_set_ctrl(method, control) == 1
        else { return nil }
        return method
    }()

    private static let write: @convention(c) (OpaquePointer?, UnsafePointer<CChar>?, Int32) -> Int32 = { bio, bytes, count in
        guard let bio, let state = state(of: bio), let output = state.pointee.output else { return -1 }
        copenssl_clear_retry(bio)
        let appended = output._withUnsafeGuaranteedRef { $0.append(UnsafeRawBufferPointer(start: bytes, count: Int(count))) }
        return appended ? count : -1
    }

    private static let read: @convention(c) (OpaquePointer?, UnsafeMutablePointer<CChar>?, Int32) -> Int32 = { bio, target, room in
        guard let bio, let target, room > 0, let state = state(of: bio) else { return -1 }
        copenssl_clear_retry(bio)
        let count = min(Int(room), state.pointee.inputCount)
        guard count > 0, let input = state.pointee.input else {
            copenssl_retry_read(bio)
            return -1
        }
        UnsafeMutableRawPointer(target).copyMemory(from: input, byteCount: count)
        state.pointee.input = input + count
        state.pointee.inputCount -= count
        return Int32(count)
    }

    private static let control: @convention(c) (OpaquePointer?, Int32, Int, UnsafeMutableRawPointer?) -> Int = { _, command, _, _ in
        // Flushing is the caller's sending; everything else (kernel TLS, push, pop) is "no".
        command == BIO_CTRL_FLUSH ? 1 : 0
    }

    private static func state(of bio: OpaquePointer) -> SessionState.Pointer? {
        BIO_get_data(bio)?.assumingMemoryBound(to: SessionState.self)
    }
}
