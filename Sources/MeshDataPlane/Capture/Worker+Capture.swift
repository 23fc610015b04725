internal import Glibc
internal import MeshRuntime
internal import MeshSystem
internal import MeshTypes

/// The capture stage: connections that the kernel redirected to a listener become flows.
extension Worker {
    /// Connections taken from one listener per event, so that others get their turn.
    private static let acceptBatch = 64
    private static let dnsPort: UInt16 = 53

    func addListener(_ listener: CaptureListener) {
        let slot = nextListener
        nextListener += 1
        listeners[slot] = listener
        namespaces[listener.namespace] = listener.descriptor
        let token = TokenTag.captureListener.token(SlabHandle(rawValue: slot))
        try? poller.add(listener.socket.raw, [.readable, .exclusive], token: token)
    }

    func acceptCaptured(_ slot: UInt64) {
        guard let listener = listeners[slot]?.socket.raw else { return }
        for _ in 0..<Self.acceptBatch {
            let socket = TCPSocket.accept(listener)
            guard socket >= 0 else {
                if errno == EMFILE || errno == ENFILE { refuseOne(listener) } else if errno != EINTR { return }
                continue
            }
            counters.accepted += 1
            begin(socket)
        }
    }

    /// Out of descriptors: the reserve one accepts the connection, which is reset at once instead of left waiting.
    func refuseOne(_ listener: Int32) {
        counters.descriptorsExhausted += 1
        close(reserve)
        let socket = TCPSocket.accept(listener)
        if socket >= 0 { TCPSocket.abort(socket) }
        reserve = open("/dev/null", O_RDONLY | O_CLOEXEC)
    }

    private func begin(_ socket: Int32) {
        guard let origin = shared.origin(socket) else {
            // Nobody asked for this through the kernel: somebody dialled the listener itself.
            counters.withoutRecord += 1
            TCPSocket.abort(socket)
            return
        }
        if origin.destination.port == Self.dnsPort, let handler = shared.nameConnection {
            handler(socket, origin)
            return
        }
        TCPSocket.disableDelay(socket)
        var flow = Flow(.outgoing, started: now)
        flow.near.socket = socket
        flow.record.start = MonotonicClock.wall()
        flow.record.source = origin.service
        flow.record.workload = origin.workload
        flow.record.sourceAddress = TCPSocket.peerAddress(socket) ?? flow.record.sourceAddress
        flow.record.destinationAddress = origin.destination
        flow.record.identityVerified = true
        guard let (handle, pointer) = flows.insert(flow) else {
            refuse(socket, &flow.record, .overloaded)
            return
        }
        route(handle, pointer)
    }

    func refuse(_ socket: Int32, _ record: inout FlowRecord, _ reason: DenialReason) {
        TCPSocket.abort(socket)
        record.ending = .refused
        record.reason = reason
        ring.push(record)
    }
}
