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
                if errno == EINTR { continue }
                if errno == EMFILE || errno == ENFILE, refuseOne(listener) { continue }
                return
            }
            counters.accepted += 1
            if isScarce(socket) { refuseForWantOfDescriptors(socket) } else { begin(socket) }
        }
    }

    /// The kernel gives the lowest number that is free, so a high one says that few are left. Those are for tunnels, names and operators.
    func isScarce(_ descriptor: Int32) -> Bool { descriptor >= shared.options.descriptorCeiling }

    func refuseForWantOfDescriptors(_ socket: Int32) {
        counters.descriptorsExhausted += 1
        TCPSocket.abort(socket)
    }

    /// No descriptor at all is left: the reserve accepts the connection, which is reset at once instead of left waiting.
    ///
    /// - Returns: false when another worker was quicker; then a moment has passed.
    func refuseOne(_ listener: Int32) -> Bool {
        if reserve >= 0 { close(reserve) }
        let socket = TCPSocket.accept(listener)
        if socket >= 0 { refuseForWantOfDescriptors(socket) }
        reserve = open("/dev/null", O_RDONLY | O_CLOEXEC)
        if socket < 0 { usleep(Self.scarcityPause) }
        return socket >= 0
    }

    /// Microseconds.
    private static let scarcityPause: UInt32 = 1000

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
        guard let charge = holder(.workload(origin.workload)).take() else { return refuse(&flow.near, &flow.record, .shareExhausted) }
        flow.near.charge = charge
        guard let (handle, pointer) = flows.insert(flow) else { return refuse(&flow.near, &flow.record, .overloaded) }
        route(handle, pointer)
    }

    func holder(_ owner: ConnectionShares.Owner) -> ShareHolder {
        if let known = holders[owner] { return known }
        let holder = shared.shares.holder(owner)
        holders[owner] = holder
        return holder
    }

    func refuse(_ end: inout SocketEnd, _ record: inout FlowRecord, _ reason: DenialReason) {
        end.abort()
        record.ending = .refused
        record.reason = reason
        ring.push(record)
    }
}
