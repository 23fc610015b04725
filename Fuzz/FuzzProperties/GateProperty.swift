internal import MeshDataPlane
internal import MeshProtocols
internal import MeshTypes

/// What passes the gate is the front of what came, the same however it is cut, and holds no request that was not permitted.
enum GateProperty {
    private struct Outcome: Equatable {
        var passed = 0
        var reason = DenialReason.none
    }

    static func complaint(_ bytes: UnsafeRawBufferPointer) -> String? {
        let whole = pass(bytes, longest: max(1, bytes.count))
        for longest in [1, 40] {
            let cut = pass(bytes, longest: longest)
            // Cut finely, what stands before the request that is refused has gone on already.
            if cut.reason != whole.reason || whole.reason == .none && cut.passed != whole.passed || cut.passed > bytes.count {
                return "\(whole) at once, \(cut) in pieces of up to \(longest) bytes"
            }
            if let complaint = strangerAmong(bytes.slice(0..<cut.passed)) { return complaint }
        }
        return strangerAmong(bytes.slice(0..<whole.passed))
    }

    /// A target with an `x` is not permitted.
    static func verdict(_ target: UnsafeRawBufferPointer) -> DenialReason {
        target.contains(UInt8(ascii: "x")) ? .denied : .none
    }

    private static func pass(_ bytes: UnsafeRawBufferPointer, longest: Int) -> Outcome {
        var gate = RequestGate()
        defer { gate.input.free() }
        var fields = FieldTable()
        var outcome = Outcome()
        for piece in longest >= bytes.count ? [0..<bytes.count] : Array(Cuts(bytes, longest: longest)) {
            gate.input.append(bytes.slice(piece))
            switch gate.advance(&fields, verdict) {
            case .refused(let reason):
                outcome.reason = reason
                return outcome
            case .open(let count):
                precondition(count >= 0 && count <= gate.input.count, "\(count) of \(gate.input.count) bytes may pass")
                outcome.passed += count
                gate.input.consume(count)
            }
        }
        return outcome
    }

    private static func strangerAmong(_ bytes: UnsafeRawBufferPointer) -> String? {
        bytes.starts(with: "PRI * HTTP/2.0".utf8) ? StreamReader.strangerAmong(bytes) : RequestReader.strangerAmong(bytes)
    }
}

/// Reads what passed as a service does that speaks HTTP/1: one request after the other.
private enum RequestReader {
    static func strangerAmong(_ bytes: UnsafeRawBufferPointer) -> String? {
        var rest = bytes
        var fields = FieldTable()
        while !rest.isEmpty {
            if rest.count >= 2, rest[0] == 13, rest[1] == 10 {
                rest = rest.slice(2..<rest.count)
                continue
            }
            var scanner = HeadScanner(.mesh)
            guard case .complete(let length) = scanner.scan(rest) else { return "part of a head passed" }
            guard case .success(let request) = RequestHead.parse(rest.slice(0..<length), .mesh, into: &fields) else {
                return "a bad head passed"
            }
            if GateProperty.verdict(request.target.slice(of: rest)) != .none { return "a request passed that is not permitted" }
            if ClientCertificateField.isForged(fields, rest, verified: []) { return "a request passed that says who called" }
            var body = BodyProgress(request.body)
            rest = rest.slice(length..<rest.count)
            while !body.hasEnded, !rest.isEmpty {
                guard case .success(let count) = body.take(rest) else { return "a bad body passed" }
                rest = rest.slice(count..<rest.count)
            }
        }
        return nil
    }
}

/// Reads what passed as a service does that speaks HTTP/2. Its session shares no code with what the gate reads frames by.
private enum StreamReader {
    static func strangerAmong(_ bytes: UnsafeRawBufferPointer) -> String? {
        let service = Service()
        let session = HTTP2Session(
            role: .server, owner: Unmanaged.passUnretained(service).toOpaque(), handlers: Events.self, now: 0)
        service.session = session
        _ = session.receive(bytes, now: 0)
        service.session = nil
        return service.stranger ? "a request passed that is not permitted" : nil
    }

    private final class Service {
        var session: HTTP2Session?
        var fields = FieldTable()
        var stranger = false
    }

    private enum Events: HTTP2Handlers {
        private static func service(_ owner: Owner) -> Service { Unmanaged<Service>.fromOpaque(owner).takeUnretainedValue() }

        static func request(_ owner: Owner, stream: StreamID, _ head: UnsafeRawBufferPointer, ends: Bool) -> UInt64 {
            let service = service(owner)
            if case .success(let request) = RequestHead.parse(head, .mesh, into: &service.fields) {
                if GateProperty.verdict(request.target.slice(of: head)) != .none { service.stranger = true }
            }
            return UInt64(stream.rawValue)
        }
        static func data(_ owner: Owner, token: UInt64, _ bytes: UnsafeRawBufferPointer) {
            let session = service(owner).session
            session?.consumedConnection(bytes.count)
            session?.consumed(StreamID(rawValue: Int32(token)), bytes.count)
        }
        static func pull(_ owner: Owner, token: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> HTTP2Pull { .later }
        static func rejected(_ owner: Owner) {}
        static func response(_ owner: Owner, token: UInt64, _ head: UnsafeRawBufferPointer, ends: Bool) {}
        static func trailers(_ owner: Owner, token: UInt64, _ fields: UnsafeRawBufferPointer) {}
        static func end(_ owner: Owner, token: UInt64) {}
        static func reset(_ owner: Owner, token: UInt64, _ code: HBONEErrorCode) {}
        static func closed(_ owner: Owner, token: UInt64) {}
        static func goAway(_ owner: Owner, lastStream: StreamID, _ code: HBONEErrorCode) {}
        static func pingAcknowledged(_ owner: Owner) {}
    }
}
