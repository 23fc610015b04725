internal import Glibc
internal import MeshProtocols
internal import MeshRuntime
internal import MeshSystem
internal import MeshTypes

/// Which protocol a connection speaks, where its service's record does not say: told by its first bytes, in bounded time.
extension Worker {
    /// Nanoseconds that a client may take to say something; then it is taken for a protocol in which the server speaks first.
    static let sniffTimeout: UInt64 = 200_000_000

    /// Looks at what came without taking it. - Returns: whether there may be more to do at once.
    func classify(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>) -> Bool {
        guard caller.pointee.end.isReadable else { return false }
        let count = recv(caller.pointee.end.socket, scratch.baseAddress, HTTPLimits.startLine + 1, Int32(MSG_PEEK))
        if count < 0, errno == EAGAIN || errno == EINTR {
            caller.pointee.end.isReadable = errno == EINTR
            return errno == EINTR
        }
        guard count > 0 else {
            becomeBytes(handle, caller)
            return false
        }
        switch FirstBytes.guess(UnsafeRawBufferPointer(rebasing: scratch[..<count])) {
        case .http1, .http2:
            caller.pointee.stage = .head
            return true
        case .other:
            becomeBytes(handle, caller)
            return false
        case .undecided:
            // The next byte is an event of its own.
            caller.pointee.end.isReadable = caller.pointee.end.isLastEvent
            if caller.pointee.end.isLastEvent { becomeBytes(handle, caller) }
            return false
        }
    }

    /// The connection is carried as bytes. Where only some requests are permitted it is refused: they could not be told apart.
    func becomeBytes(_ handle: SlabHandle, _ caller: UnsafeMutablePointer<Caller>) {
        let origin = caller.pointee.origin
        var near = SocketEnd()
        near.socket = caller.pointee.end.socket
        near.charge = caller.pointee.end.charge
        callers.remove(handle)
        var flow = Flow(.outgoing, started: now)
        flow.record = newRecord(origin)
        flow.record.request.isPresent = false
        // It is watched again, as a flow's, once its callee has answered.
        try? poller.remove(near.socket)
        guard let snapshot, case .permitted(let permit) = authorise(from: origin.source, to: origin.destination, in: snapshot) else {
            return refuse(&near, &flow.record, .draining)
        }
        if let operations = decision(from: origin.source, to: origin.destination, in: snapshot).operations {
            return refuse(&near, &flow.record, operations.allowed == nil ? .denied : .notAllowed)
        }
        // Nor could anybody tell what it says of its caller.
        if looksIntoRequests(from: origin.source, to: origin.destination, in: snapshot) { return refuse(&near, &flow.record, .notAllowed) }
        flow.near = near
        flow.named = origin.named
        guard let (carried, pointer) = flows.insert(flow) else { return refuse(&near, &flow.record, .overloaded) }
        attempt(carried, pointer, permit, snapshot)
    }
}
