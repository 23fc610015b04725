internal import Glibc
internal import MeshRuntime
internal import MeshSystem

/// One socket of a flow: what is known of its readiness, and what waits to be written to it.
struct SocketEnd: BitwiseCopyable {
    var socket: Int32 = -1
    /// What its owner gets back when it is closed.
    var charge = ShareCharge.none
    /// Bytes that the socket did not take yet.
    var pending = ByteQueue()
    /// Edge-triggered readiness: true until a call says otherwise.
    var isReadable = false
    /// The poller said that the other side has finished: no event follows, so only an empty read is the end of what there is.
    var isLastEvent = false
    /// It has no more to say: its FIN was read.
    var readEnded = false
    /// The other side has no more to say: a FIN follows what is pending.
    var finishes = false
    /// Our FIN was sent.
    var writeEnded = false

    enum Outcome { case done, blocked, failed }

    /// Writes `bytes`, or queues what does not fit.
    ///
    /// - Parameter more: more is about to follow; the kernel may gather it (MSG_MORE). Whoever says so pushes later.
    mutating func write(_ bytes: UnsafeRawBufferPointer, more: Bool = false) -> Outcome {
        guard pending.isEmpty else {
            pending.append(bytes)
            return .blocked
        }
        let count = send(socket, bytes.baseAddress, bytes.count, Int32(more ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL))
        if count == bytes.count { return .done }
        if count < 0 {
            guard errno == EAGAIN || errno == EINTR else { return .failed }
        }
        pending.append(UnsafeRawBufferPointer(rebasing: bytes[max(0, count)...]))
        return .blocked
    }

    /// Writes what waits. - Returns: the bytes that went, nil on a broken connection.
    mutating func flush() -> Int? {
        var total = 0
        while !pending.isEmpty {
            let waiting = pending.readable
            let count = send(socket, waiting.baseAddress, waiting.count, Int32(MSG_NOSIGNAL))
            if count < 0 {
                if errno == EINTR { continue }
                return errno == EAGAIN ? total : nil
            }
            pending.consume(count)
            total += count
        }
        return total
    }

    /// Sends the FIN once nothing waits.
    mutating func finishIfDue() {
        guard finishes, !writeEnded, pending.isEmpty, socket >= 0 else { return }
        shutdown(socket, Int32(SHUT_WR))
        writeEnded = true
    }

    /// What the poller said of it.
    mutating func note(_ ready: Poller.Interest) {
        if ready.mayRead { isReadable = true }
        if ready.isLast { isLastEvent = true }
    }

    /// A read took less than it could: nothing is left, unless the end is.
    mutating func noteShortRead() { isReadable = isLastEvent }

    /// Both directions have ended in order.
    var isComplete: Bool { readEnded && writeEnded }

    mutating func close() {
        if socket >= 0 { Glibc.close(socket) }
        socket = -1
        charge.giveBack()
        pending.free()
    }

    mutating func abort() {
        if socket >= 0 { TCPSocket.abort(socket) }
        socket = -1
        charge.giveBack()
        pending.free()
    }
}
