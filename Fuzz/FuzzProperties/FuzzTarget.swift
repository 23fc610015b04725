/// What is fed with arbitrary bytes. Each target says what must hold whatever the bytes are; the fuzzer looks for bytes for which it does
/// not, and the tests replay all that it ever found.
package enum FuzzTarget: String, CaseIterable, Sendable {
    /// A head of HTTP/1: read as a request and as an answer, written anew, read again.
    case http1Head = "http1-head"
    /// A body of HTTP/1, in pieces of any size.
    case http1Body = "http1-body"
    /// Requests behind one another, looked at on the callee's node.
    case gate
    /// A tunnel's HTTP/2, at either end.
    case hbone
    /// A workload's HTTP/2, at either end.
    case http2
    case policy
    case node
    case dns

    /// - Returns: what does not hold; nil when all does. A violated precondition traps.
    package func complaint(about bytes: UnsafeRawBufferPointer) -> String? {
        switch self {
        case .http1Head: HeadProperty.complaint(bytes)
        case .http1Body: BodyProperty.complaint(bytes)
        case .gate: GateProperty.complaint(bytes)
        case .hbone: TunnelProperty.complaint(bytes)
        case .http2: HTTP2Property.complaint(bytes)
        case .policy: PolicyProperty.complaint(bytes)
        case .node: NodeProperty.complaint(bytes)
        case .dns: MessageProperty.complaint(bytes)
        }
    }
}
