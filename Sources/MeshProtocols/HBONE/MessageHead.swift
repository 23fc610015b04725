internal import MeshTypes

/// The head of a tunnel's request or answer that is being received.
struct MessageHead {
    var isConnect = false
    /// nil when it is missing or not of the strict form.
    var authority: SocketAddress?
    var source: ServiceIdentity?
    var forwardedFor: SocketAddress?
    var forwardedBy: SocketAddress?
    var traceParent: TraceParent?
    /// 0 when there was none (a trailer).
    var status = 0
    var reason = DenialReason.none

    /// Optional headers longer than this are not read.
    private static let maximumValue = 1024

    mutating func add(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        guard value.count <= Self.maximumValue else { return }
        if name.equals(":method") {
            isConnect = value.equals("CONNECT")
        } else if name.equals(":authority") {
            authority = Authority.parse(value)
        } else if name.equals("baggage") {
            source = Baggage.parse(value)
        } else if name.equals("forwarded") {
            (forwardedFor, forwardedBy) = Forwarded.parse(value)
        } else if name.equals("traceparent") {
            traceParent = TraceParent(value)
        } else if name.equals(":status") {
            status = Int(String(decoding: value, as: UTF8.self)) ?? 0
        } else if name.equals("x-myelin-reason") {
            reason = DenialReason(code: String(decoding: value, as: UTF8.self)) ?? .none
        }
    }

    /// nil unless the head asks for a tunnel to an address.
    var request: ConnectRequest? {
        guard isConnect, let authority else { return nil }
        return ConnectRequest(
            authority: authority, source: source, forwardedFor: forwardedFor, forwardedBy: forwardedBy, traceParent: traceParent)
    }
}
