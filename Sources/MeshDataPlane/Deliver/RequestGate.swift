package import MeshProtocols
package import MeshRuntime
internal import MeshSnapshot
package import MeshTypes

/// Looks at the requests of a stream on the callee's node, where policy permits only some of them (R6.4): the bytes of a request go on when its
/// head is whole and it may be made, and says nothing of its caller that the caller's certificate does not. Nothing is rewritten. A request that may not be made ends the stream, with whatever else it carries.
package struct RequestGate {
    /// What came and may not go on yet.
    package var input = ByteQueue()
    private var version = Version.undecided
    /// The only value that `x-forwarded-client-cert` may have.
    private let verified: [UInt8]

    package init(verified: [UInt8] = []) { self.verified = verified }

    /// What the first bytes said.
    private enum Version {
        case undecided
        case http1(RequestSequence)
        case http2(RequestWatch)
    }

    /// - Parameter verdict: of a request, by its target.
    package mutating func advance(_ fields: inout FieldTable, _ verdict: (UnsafeRawBufferPointer) -> DenialReason) -> RequestPassage {
        if case .undecided = version {
            switch FirstBytes.version(input.readable) {
            case .undecided: return .open(0)
            case .http1, .other: version = .http1(RequestSequence())
            case .http2: version = .http2(RequestWatch())
            }
        }
        switch version {
        case .undecided: return .open(0)
        case .http1(var requests):
            defer { version = .http1(requests) }
            return requests.advance(input.readable, &fields, verified, verdict)
        case .http2(let requests):
            return requests.advance(input.readable) { target, head in
                guard case .success = RequestHead.parse(head, .mesh, into: &fields) else { return .badRequest }
                return ClientCertificateField.isForged(fields, head, verified: verified) ? .forgedIdentity : verdict(target)
            }
        }
    }
}

/// The requests of a connection that speaks HTTP/1, one after the other.
private struct RequestSequence: BitwiseCopyable {
    private var scanner = HeadScanner(.mesh)
    private var emptyLines = EmptyLines()
    private var body = BodyProgress(.none)

    /// - Parameter bytes: all that came and did not go on yet.
    mutating func advance(
        _ bytes: UnsafeRawBufferPointer, _ fields: inout FieldTable, _ verified: [UInt8],
        _ verdict: (UnsafeRawBufferPointer) -> DenialReason
    ) -> RequestPassage {
        var passed = 0
        while passed < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[passed...])
            if !body.hasEnded {
                guard case .success(let count) = body.take(rest) else { return .refused(.badRequest) }
                passed += count
                continue
            }
            let empty = scanner.isFresh ? emptyLines.skip(rest) : 0
            if empty > 0 {
                passed += empty
                continue
            }
            switch scanner.scan(rest) {
            case .incomplete: return .open(passed)
            case .refused: return .refused(.badRequest)
            case .complete(let length):
                scanner = HeadScanner(.mesh)
                emptyLines = EmptyLines()
                let head = UnsafeRawBufferPointer(rebasing: rest[..<length])
                guard case .success(let request) = RequestHead.parse(head, .mesh, into: &fields) else { return .refused(.badRequest) }
                // After a change of protocol nothing more could be told apart.
                guard !request.asksUpgrade else { return .refused(.notAllowed) }
                guard !ClientCertificateField.isForged(fields, head, verified: verified) else { return .refused(.forgedIdentity) }
                let reason = verdict(request.target.slice(of: head))
                guard reason == .none else { return .refused(reason) }
                body = BodyProgress(request.body)
                passed += length
            }
        }
        return .open(passed)
    }
}

extension Snapshot {
    /// What a request may say of its caller.
    func certificate(of caller: ServiceID, at destination: ServiceID) -> [UInt8] {
        guard let caller = service(caller), let destination = service(destination) else { return [] }
        return CallerIdentity.certificate(of: caller, at: destination, in: self)
    }
}

extension Worker {
    /// The gate of a stream whose requests must be looked at; nil when there is no room for one.
    ///
    /// - Parameter verified: what the stream's peer may say of its caller.
    func makeGate(verified: [UInt8]) -> SlabHandle? { gates.insert(RequestGate(verified: verified))?.0 }

    func removeGate(_ flow: UnsafeMutablePointer<Flow>) {
        guard let gate = gates.find(flow.pointee.gate) else { return }
        // What is held back counts against the peer's window of the connection until now.
        tunnels.find(flow.pointee.tunnel)?.pointee.session?.consumedConnection(gate.pointee.input.count)
        gate.pointee.input.free()
        gates.remove(flow.pointee.gate)
        flow.pointee.gate = .none
    }

    /// Bytes of a stream that must be looked at. - Returns: those that go on, nil when the flow is over.
    func gated(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>, _ tunnel: Tunnel, _ bytes: UnsafeRawBufferPointer) -> ByteQueue? {
        guard let gate = gates.find(flow.pointee.gate) else { return nil }
        gate.pointee.input.append(bytes)
        guard let snapshot, let service = snapshot.service(tunnel.local) else { return refuseGated(handle, flow, .draining) }
        let passage = gate.pointee.advance(&fields) { self.verdict(from: tunnel.peer, to: service, on: $0, in: snapshot) }
        switch passage {
        case .refused(let reason): return refuseGated(handle, flow, reason)
        case .open(let count):
            var passed = ByteQueue()
            passed.append(UnsafeRawBufferPointer(rebasing: gate.pointee.input.readable[..<count]))
            gate.pointee.input.consume(count)
            return passed
        }
    }

    private func refuseGated(_ handle: SlabHandle, _ flow: UnsafeMutablePointer<Flow>, _ reason: DenialReason) -> ByteQueue? {
        withdraw(handle, flow, .refused, reason)
        return nil
    }
}
