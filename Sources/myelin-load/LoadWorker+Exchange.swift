import Glibc
import MeshSystem

/// What is done on an open connection. Sockets are edge-triggered: a read that does not fill the buffer has drained them.
extension LoadWorker {
    private static var noSignal: Int32 { Int32(MSG_NOSIGNAL) }

    /// A message there and back.
    mutating func exchange(_ index: Int, _ ready: Poller.Interest) {
        let size = payload.count
        if slots[index].sent < size {
            guard sendMessage(index) else { return }
        }
        let ended = !ready.isDisjoint(with: [.peerHalfClosed, .hangUp, .error])
        guard ready.contains(.readable) || ended else { return }
        while true {
            let count = recv(slots[index].socket, scratch.baseAddress, scratch.count, 0)
            if count <= 0 {
                if count < 0, errno == EINTR { continue }
                if count < 0, errno == EAGAIN { return }
                return count == 0 ? fail(index, .closedEarly) : fail(index, FailureKind(errno: errno), errno: errno)
            }
            guard isEcho(index, count) else { return fail(index, .corrupted) }
            slots[index].received += count
            if slots[index].received == size {
                succeed(index)
                if workload.kind == .connect { return renew(index) }
                slots[index].sent = 0
                slots[index].received = 0
                slots[index].stamp &+= 1
                guard sendMessage(index) else { return }
            }
            if !ended, count < scratch.count { return }
        }
    }

    private func isEcho(_ index: Int, _ count: Int) -> Bool {
        let offset = slots[index].received
        guard offset + count <= payload.count else { return false }
        if offset == 0, scratch[0] != slots[index].stamp { return false }
        let skip = offset == 0 ? 1 : 0
        return count == skip || memcmp(scratch.baseAddress! + skip, payload.baseAddress! + offset + skip, count - skip) == 0
    }

    /// False when the socket is full, or gone.
    private mutating func sendMessage(_ index: Int) -> Bool {
        payload[0] = slots[index].stamp
        while slots[index].sent < payload.count {
            let offset = slots[index].sent
            let count = send(slots[index].socket, payload.baseAddress! + offset, payload.count - offset, Self.noSignal)
            if count > 0 {
                slots[index].sent += count
            } else if errno != EINTR {
                if errno != EAGAIN { fail(index, FailureKind(errno: errno), errno: errno) }
                return false
            }
        }
        return true
    }

    /// Sends and receives in turn until both directions are blocked.
    mutating func stream(_ index: Int) {
        let socket = slots[index].socket
        for _ in 0..<Self.bulkTurns {
            let sent = send(socket, payload.baseAddress, payload.count, Self.noSignal)
            if sent < 0, errno != EAGAIN, errno != EINTR { return fail(index, FailureKind(errno: errno), errno: errno) }
            let received = recv(socket, scratch.baseAddress, scratch.count, 0)
            if received == 0 { return fail(index, .closedEarly) }
            if received > 0 {
                count(received)
                noteProgress(index)
            } else if errno == EAGAIN {
                if sent <= 0 { return }
            } else if errno != EINTR {
                return fail(index, FailureKind(errno: errno), errno: errno)
            }
        }
        // More may be possible, and no edge will tell: setting the interest anew does.
        try? poller.modify(socket, [.readable, .writable, .peerHalfClosed, .edgeTriggered], token: UInt64(index))
    }
}
