internal import MeshRuntime
package import MeshTypes

/// Who may take a connection to an endpoint of this node is decided by the kernel, which sees the listener; this tells it whom to expect and
/// asks what came of it.
package struct DeliveryCheck: Sendable {
    /// Says before the connect whose listener must take it; false when it could not be said.
    let expect: @Sendable (_ service: ServiceID, _ socket: Int32) -> Bool
    /// Whether the connection met a listener of somebody else.
    let isRefused: @Sendable (_ socket: Int32) -> Bool

    package init(
        expect: @escaping @Sendable (_ service: ServiceID, _ socket: Int32) -> Bool,
        isRefused: @escaping @Sendable (_ socket: Int32) -> Bool
    ) {
        self.expect = expect
        self.isRefused = isRefused
    }

    /// On one machine a connect completes in microseconds; what takes longer than this is asked about, again and again.
    static let interval = Duration.milliseconds(20)
}

extension Worker {
    /// A connect that has not completed: a silent drop by the kernel would cost its whole timeout.
    func checkDelivery(_ handle: SlabHandle) {
        guard let check = shared.options.deliveryCheck, let flow = flows.find(handle), flow.pointee.stage == .connecting else { return }
        let isStream = flow.pointee.kind == .incoming
        let socket = isStream ? flow.pointee.near.socket : flow.pointee.far.socket
        guard socket >= 0, isStream || flow.pointee.kind == .local else { return }
        guard check.isRefused(socket) else { return deliveryChecks.schedule(handle, now: now) }
        if isStream { refuseStream(handle, flow, .wrongListener) } else { attemptFailed(handle, flow, .wrongListener) }
    }
}
