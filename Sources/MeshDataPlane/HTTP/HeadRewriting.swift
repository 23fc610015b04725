package import MeshPolicy
package import MeshProtocols
package import MeshRouting
package import MeshTypes

/// Heads as the mesh passes them on: written anew from what was parsed, so that the receiver can read them in one way only.
package enum HeadRewriting {
    /// What a request carries on besides its own fields.
    package struct RequestAdditions {
        let traceparent: TraceParent?
        /// Written when the caller gave none.
        let requestID: RequestIdentifier
        /// The caller may change to another protocol.
        let passesUpgrade: Bool
        /// Nanoseconds that are left; nil for a request without a deadline.
        let timeLeft: UInt64?
        /// It is a copy of a caller's request, and says so.
        let isShadow: Bool
        /// Who calls, as the service wants to read it.
        let identity: CallerIdentity

        package init(
            traceparent: TraceParent?, requestID: RequestIdentifier, passesUpgrade: Bool, timeLeft: UInt64?, isShadow: Bool = false,
            identity: CallerIdentity = .none
        ) {
            self.identity = identity
            self.traceparent = traceparent
            self.requestID = requestID
            self.passesUpgrade = passesUpgrade
            self.timeLeft = timeLeft
            self.isShadow = isShadow
        }
    }

    package static func request(
        _ head: RequestHead, _ fields: borrowing FieldTable, _ bytes: UnsafeRawBufferPointer, _ additions: RequestAdditions,
        _ changes: MessageChanges, to writer: inout HeadWriter
    ) {
        writer.removeAll()
        writer.append(head.methodName.slice(of: bytes))
        writer.append(" ")
        let target = head.target.slice(of: bytes)
        if let rewrite = changes.rewrite {
            rewrite.write(target, to: &writer)
        } else if target.isEmpty {
            writer.append(head.method == .options ? "*" : "/")
        } else {
            writer.append(target)
        }
        writer.append(head.isOldVersion ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n")
        if let host = changes.rewrite?.host {
            writer.append("host: ")
            writer.append(host)
            writer.append("\r\n")
        } else if !head.authority.isEmpty {
            writer.append("host: ")
            writer.append(head.authority.slice(of: bytes))
            writer.append("\r\n")
        }
        changes.request.encoded.withUnsafeBytes { encoded in
            append(head, fields, bytes, additions, EncodedHeaderChanges(encoded), to: &writer)
        }
        if head.acceptsTrailers { writer.append("te: trailers\r\nconnection: te\r\n") }
        if head.asksUpgrade, additions.passesUpgrade { writer.appendUpgrade(fields, bytes, isOffer: true) }
        if head.isOldVersion { writer.append("connection: close\r\n") }
        if head.requestID.isEmpty { append(additions.requestID, to: &writer) }
        if let trace = additions.traceparent { writer.append(trace) }
        if let forwards = head.maxForwards {
            writer.append("max-forwards: ")
            writer.append(decimal: forwards > 0 ? forwards - 1 : 0)
            writer.append("\r\n")
        }
        additions.identity.write(to: &writer)
        if additions.isShadow { writer.append("x-myelin-shadow: 1\r\n") }
        if let time = additions.timeLeft {
            if head.isGRPC { writer.append(grpcTimeout: time) }
            writer.append("x-myelin-deadline: ")
            writer.append(decimal: min(time / 1_000_000, HTTPLimits.deadline))
            writer.append("\r\n")
        }
        writer.append("\r\n")
    }

    /// The caller's own fields, but those of its connection, those that the mesh writes itself, and what a policy takes out; then what it puts in.
    private static func append(
        _ head: RequestHead, _ fields: borrowing FieldTable, _ bytes: UnsafeRawBufferPointer, _ additions: RequestAdditions,
        _ changes: EncodedHeaderChanges, to writer: inout HeadWriter
    ) {
        for index in 0..<fields.count {
            let field = fields[index]
            switch field.kind {
            case .host, .deadline, .reason, .shadow, .clientCertificate, .peerIdentity: continue
            case .clientAddress where !additions.identity.passesClientAddress: continue
            case .maxForwards where head.maxForwards != nil: continue
            // A copy's body follows at once.
            case .expect where additions.isShadow: continue
            case .grpcTimeout where head.isGRPC: continue
            case .traceparent where additions.traceparent != nil: continue
            // It belongs to the trace that traceparent names, and there is another one now (Trace Context §3.3). A copy stays in its trace.
            case .tracestate where additions.traceparent != nil && !additions.isShadow: continue
            default: if passes(field, bytes, changes) { writer.append(field, of: bytes) }
            }
        }
        writer.append(changes.lines)
    }

    private static func passes(_ field: HeaderField, _ bytes: UnsafeRawBufferPointer, _ changes: EncodedHeaderChanges) -> Bool {
        !field.kind.isHopByHop && !field.isNominated && !changes.drop(field.name.slice(of: bytes))
    }

    /// - Parameter closes: the caller's connection ends with this answer.
    package static func response(
        _ head: ResponseHead, _ fields: borrowing FieldTable, _ bytes: UnsafeRawBufferPointer, closes: Bool, keepsOldVersionAlive: Bool,
        _ changes: EncodedHeaderChanges = .none, to writer: inout HeadWriter
    ) {
        writer.removeAll()
        writer.append("HTTP/1.1 ")
        writer.append(decimal: UInt64(head.status))
        writer.append(" ")
        writer.append(head.phrase.slice(of: bytes))
        writer.append("\r\n")
        for index in 0..<fields.count {
            let field = fields[index]
            if head.isFramedByStatus, field.kind == .contentLength || field.kind == .transferEncoding { continue }
            if field.kind != .reason, passes(field, bytes, changes) { writer.append(field, of: bytes) }
        }
        writer.append(changes.lines)
        if head.status == 101 {
            writer.appendUpgrade(fields, bytes, isOffer: false)
        } else if closes {
            writer.append("connection: close\r\n")
        } else if keepsOldVersionAlive {
            writer.append("connection: keep-alive\r\n")
        }
        writer.append("\r\n")
    }

    private static func append(_ identifier: RequestIdentifier, to writer: inout HeadWriter) {
        writer.append("x-request-id: ")
        writer.append(identifier)
        writer.append("\r\n")
    }
}
