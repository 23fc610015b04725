internal import Glibc
internal import MeshRuntime
internal import MeshSnapshot
internal import MeshSystem
internal import MeshTypes

/// Connecting to an endpoint of this node, from inside its namespace.
extension Worker {
    /// The callee sees the caller's own address where both are of one family; else an address of the namespace.
    ///
    /// - Parameter permit: nothing is delivered without one.
    /// - Returns: a socket on which a connect goes on or is done; -1 with errno.
    private func connect(_ delivery: Snapshot.Delivery, _ permit: Permit, from caller: SocketAddress) -> Int32 {
        guard delivery.service == permit.destination, let namespace = namespaces[delivery.namespace] else {
            errno = EHOSTUNREACH
            return -1
        }
        if let mark = shared.options.deliveryMark, Self.canShow(caller, to: delivery.address) {
            let socket = open(delivery, namespace)
            guard socket >= 0 else { return -1 }
            let isForeign = TCPSocket.keepToLoopback(socket, mark: mark) && TCPSocket.bindForeign(socket, to: caller)
            if isForeign, start(socket, delivery) { return socket }
            close(socket)
        }
        let socket = open(delivery, namespace)
        guard socket >= 0 else { return -1 }
        if start(socket, delivery) { return socket }
        let code = errno
        close(socket)
        errno = code
        return -1
    }

    /// The address is the peer's word: it must not pass for one of the callee's own machine.
    private static func canShow(_ caller: SocketAddress, to callee: SocketAddress) -> Bool {
        caller.port > 0 && caller.ip.isUnicastElsewhere && caller.ip.isV4 == callee.ip.isV4 && caller.ip != callee.ip
    }

    private func open(_ delivery: Snapshot.Delivery, _ namespace: NamespaceBox) -> Int32 {
        let isV4 = delivery.address.ip.isV4
        let socket =
            delivery.namespace == .node ? TCPSocket.open(isV4: isV4) : namespace.namespace.openSocket(isV4: isV4, home: home)
        guard isScarce(socket) else { return expecting(delivery, socket) }
        refuseForWantOfDescriptors(socket)
        errno = EMFILE
        return -1
    }

    /// The kernel must know whose listener may take it before it leaves.
    private func expecting(_ delivery: Snapshot.Delivery, _ socket: Int32) -> Int32 {
        guard socket >= 0, let check = shared.options.deliveryCheck, !check.expect(delivery.service, socket) else { return socket }
        close(socket)
        errno = ENOBUFS
        return -1
    }

    private func start(_ socket: Int32, _ delivery: Snapshot.Delivery) -> Bool {
        TCPSocket.connect(socket, to: delivery.address) == 0 || errno == EINPROGRESS
    }

    /// Caller and callee on this node.
    func deliverLocally(
        _ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>, _ permit: Permit, _ delivery: Snapshot.Delivery
    ) {
        guard var charge = holder(.caller(permit.source)).take() else { return attemptFailed(handle, flow, .shareExhausted) }
        let socket = connect(delivery, permit, from: flow.pointee.record.sourceAddress)
        guard socket >= 0 else {
            charge.giveBack()
            return attemptFailed(handle, flow, Self.reason(errno))
        }
        flow.pointee.far.socket = socket
        flow.pointee.far.charge = charge
        deliveryChecks.schedule(handle, now: now)
        watch(socket, .far, handle)
    }

    /// A stream's callee.
    func deliverStream(
        _ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>, _ permit: Permit, _ delivery: Snapshot.Delivery
    ) {
        guard var charge = holder(.caller(permit.source)).take() else { return refuseStream(handle, flow, .shareExhausted) }
        let socket = connect(delivery, permit, from: flow.pointee.record.sourceAddress)
        guard socket >= 0 else {
            charge.giveBack()
            return refuseStream(handle, flow, Self.reason(errno))
        }
        flow.pointee.near.socket = socket
        flow.pointee.near.charge = charge
        deliveryDeadlines.schedule(handle, now: now)
        deliveryChecks.schedule(handle, now: now)
        watch(socket, .near, handle)
    }

    func watch(_ socket: Int32, _ tag: TokenTag, _ handle: SlabHandle) {
        // It fails only without memory: then the connect deadline ends the flow.
        try? poller.add(socket, [.readable, .writable, .peerHalfClosed, .edgeTriggered], token: tag.token(handle))
    }

    /// The connect to the callee is decided: true when it succeeded.
    func connectSucceeded(_ socket: Int32) -> DenialReason {
        let error = TCPSocket.takeError(socket)
        return error == 0 ? .none : Self.reason(error)
    }

    private static func reason(_ code: Int32) -> DenialReason {
        switch code {
        case ETIMEDOUT: .endpointTimeout
        case EMFILE, ENFILE, ENOBUFS, ENOMEM: .overloaded
        default: .endpointRefused
        }
    }
}
