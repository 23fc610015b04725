internal import MeshTypes

/// The header block that is being received: one at a time per connection (RFC 9113 §4.3).
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
    /// Decoded size so far (RFC 9113 §6.5.2).
    var size: UInt32 = 0

    static let fieldOverhead: UInt32 = 32
    /// Optional headers longer than this are not read.
    private static let maximumValue = 1024

    mutating func add(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        size &+= UInt32(truncatingIfNeeded: name.count &+ value.count) &+ Self.fieldOverhead
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

extension UnsafeRawBufferPointer {
    fileprivate func equals(_ text: StaticString) -> Bool {
        count == text.utf8CodeUnitCount && elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: count))
    }
}
