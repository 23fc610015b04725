internal import CBPF
internal import CMyelinABI
internal import Glibc

/// The consumer's end of the `events` ring. One thread polls it.
final class EventRing: @unchecked Sendable {
    /// Guarded by the rule that one thread polls; libbpf keeps its position in shared memory.
    private let ring: OpaquePointer
    private let state: UnsafeMutablePointer<State>

    private struct State {
        var body: (KernelEvent) -> Void
    }

    init(map: Int32) throws(KernelError) {
        state = .allocate(capacity: 1)
        state.initialize(to: State(body: { _ in }))
        cbpf_log_start()
        let opened = ring_buffer__new(
            map,
            { context, data, size in
                guard let context, let data, size >= MemoryLayout<myelin_event>.size else { return 0 }
                let raw = data.loadUnaligned(as: myelin_event.self)
                if let event = KernelEvent(raw: raw) { context.assumingMemoryBound(to: State.self).pointee.body(event) }
                return 0
            }, state, nil)
        let code = errno
        let log = takeLog()
        guard let opened else {
            state.deinitialize(count: 1)
            state.deallocate()
            throw KernelError("open the event ring", code: code, log: log)
        }
        ring = opened
    }

    deinit {
        ring_buffer__free(ring)
        state.deinitialize(count: 1)
        state.deallocate()
    }

    /// Hands on what is there; returns how many. Producers never wake the reader: they would pay for it.
    func drain(_ body: (KernelEvent) -> Void) -> Int {
        withoutActuallyEscaping(body) { body in
            state.pointee.body = body
            defer { state.pointee.body = { _ in } }
            return max(0, Int(ring_buffer__consume(ring)))
        }
    }
}
