internal import CNGHTTP2
internal import MeshTypes

/// Opening and answering tunnels.
extension SessionState {
    /// Room for any authority, `forwarded`, `baggage` and `traceparent` together.
    private static let headerStorage = 768

    mutating func open(_ request: borrowing ConnectRequest, token: UInt64) -> StreamID? {
        let stream = withUnsafeTemporaryAllocation(byteCount: Self.headerStorage, alignment: 1) { storage -> Int32 in
            var fields = HeaderFields(storage)
            fields.add(":method", "CONNECT")
            fields.add(":authority", indexed: true) { $0.append(request.authority.description) }
            if let source = request.source { fields.add("baggage", indexed: true) { Baggage.write(source, to: &$0) } }
            if request.forwardedFor != nil || request.forwardedBy != nil {
                fields.add("forwarded", indexed: false) {
                    Forwarded.write(client: request.forwardedFor, proxy: request.forwardedBy, to: &$0)
                }
            }
            if let trace = request.traceParent { fields.add("traceparent", indexed: false) { trace.write(to: &$0) } }
            var provider = SessionCallbacks.dataProvider(token: token)
            let user = UnsafeMutableRawPointer(bitPattern: UInt(token))
            return fields.withFields { nghttp2_submit_request(session, nil, $0, $1, &provider, user) }
        }
        guard stream > 0 else { return nil }
        openStreams += 1
        return StreamID(rawValue: stream)
    }

    func accept(_ stream: StreamID) {
        withUnsafeTemporaryAllocation(byteCount: Self.headerStorage, alignment: 1) { storage in
            var fields = HeaderFields(storage)
            fields.add(":status", "200")
            var provider = SessionCallbacks.dataProvider(token: token(of: stream.rawValue))
            fields.withFields { _ = nghttp2_submit_response(session, stream.rawValue, $0, $1, &provider) }
        }
    }

    func refuse(_ stream: StreamID, status: Int, reason: DenialReason) {
        setToken(0, of: stream.rawValue)
        withUnsafeTemporaryAllocation(byteCount: Self.headerStorage, alignment: 1) { storage in
            var fields = HeaderFields(storage)
            fields.add(":status", indexed: true) { $0.append(String(status)) }
            fields.add("x-myelin-reason", indexed: true) { $0.append(reason.code) }
            fields.withFields { _ = nghttp2_submit_response(session, stream.rawValue, $0, $1, nil) }
        }
    }
}
