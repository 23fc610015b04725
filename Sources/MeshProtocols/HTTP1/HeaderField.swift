/// Which field it is, of those that the mesh reads or writes itself.
package enum FieldKind: UInt8, BitwiseCopyable, Sendable {
    case other
    case host
    case contentLength
    case transferEncoding
    case connection
    case keepAlive
    case proxyConnection
    case te
    case upgrade
    case http2Settings
    case expect
    case maxForwards
    case retryAfter
    case traceparent
    case tracestate
    case requestID
    case contentType
    case grpcTimeout
    case deadline
    case reason
    case shadow
    /// `x-forwarded-client-cert`, which a mesh may write.
    case clientCertificate
    /// Another field that says who the peer is.
    case peerIdentity
    /// It says whose request somebody before the caller passes on.
    case clientAddress

    /// Fields of one connection only, which a proxy does not pass on (RFC 9110 §7.6.1).
    package var isHopByHop: Bool {
        switch self {
        case .connection, .keepAlive, .proxyConnection, .te, .upgrade, .http2Settings: true
        default: false
        }
    }

    /// - Parameter name: a range of `bytes`.
    init(_ bytes: Span<UInt8>, _ name: ByteRange) {
        self = Self.ofMessage(bytes, name)
        guard self == .other else { return }
        if bytes.matches(ClientCertificateField.name, at: name) {
            self = .clientCertificate
        } else if IdentityField.speaksOfPeer(bytes, name) {
            self = .peerIdentity
        } else if IdentityField.speaksOfClient(bytes, name) {
            self = .clientAddress
        }
    }

    private static func ofMessage(_ bytes: Span<UInt8>, _ name: ByteRange) -> FieldKind {
        switch name.count {
        case 2: if bytes.matches("te", at: name) { return .te }
        case 4: if bytes.matches("host", at: name) { return .host }
        case 6: if bytes.matches("expect", at: name) { return .expect }
        case 7: if bytes.matches("upgrade", at: name) { return .upgrade }
        case 10:
            if bytes.matches("connection", at: name) { return .connection }
            if bytes.matches("keep-alive", at: name) { return .keepAlive }
            if bytes.matches("tracestate", at: name) { return .tracestate }
        case 11:
            if bytes.matches("traceparent", at: name) { return .traceparent }
            if bytes.matches("retry-after", at: name) { return .retryAfter }
        case 12:
            if bytes.matches("content-type", at: name) { return .contentType }
            if bytes.matches("x-request-id", at: name) { return .requestID }
            if bytes.matches("grpc-timeout", at: name) { return .grpcTimeout }
            if bytes.matches("max-forwards", at: name) { return .maxForwards }
        case 14:
            if bytes.matches("content-length", at: name) { return .contentLength }
            if bytes.matches("http2-settings", at: name) { return .http2Settings }
        case 15:
            if bytes.matches("x-myelin-reason", at: name) { return .reason }
            if bytes.matches("x-myelin-shadow", at: name) { return .shadow }
        case 16: if bytes.matches("proxy-connection", at: name) { return .proxyConnection }
        case 17:
            if bytes.matches("transfer-encoding", at: name) { return .transferEncoding }
            if bytes.matches("x-myelin-deadline", at: name) { return .deadline }
        default: break
        }
        return .other
    }
}

/// One field of a head.
package struct HeaderField: BitwiseCopyable, Sendable {
    package let name: ByteRange
    /// Without the white space around it.
    package let value: ByteRange
    package let kind: FieldKind
    /// Connection named it: for this connection only.
    package var isNominated = false

    init(name: ByteRange, value: ByteRange, kind: FieldKind) {
        self.name = name
        self.value = value
        self.kind = kind
    }
}

/// The fields of the head that was parsed last. A worker has one, and parses into it again and again.
package struct FieldTable: ~Copyable {
    private let fields = UnsafeMutableBufferPointer<HeaderField>.allocate(capacity: HeadBounds.mesh.fields)
    package private(set) var count = 0
    private var limit = HeadBounds.workload.fields

    package init() {}

    deinit { fields.deallocate() }

    package subscript(index: Int) -> HeaderField {
        precondition(index < count)
        return fields[index]
    }

    mutating func removeAll(_ bounds: HeadBounds) {
        count = 0
        limit = min(bounds.fields, fields.count)
    }

    /// - Returns: false when the table is full.
    mutating func append(_ field: HeaderField) -> Bool {
        guard count < limit else { return false }
        fields.initializeElement(at: count, to: field)
        count += 1
        return true
    }

    mutating func nominate(_ index: Int) {
        precondition(index < count)
        fields[index].isNominated = true
    }
}
