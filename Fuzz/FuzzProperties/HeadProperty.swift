internal import MeshDataPlane
internal import MeshPolicy
internal import MeshProtocols
internal import MeshTypes

/// A head is found however it is cut; its parts lie within it; and what the mesh writes of it can be read in the same way again.
enum HeadProperty {
    static func complaint(_ bytes: UnsafeRawBufferPointer) -> String? {
        var scanner = HeadScanner()
        let outcome = scanner.scan(bytes)
        if let complaint = cutComplaint(bytes, outcome) { return complaint }
        guard case .complete(let length) = outcome else { return nil }
        guard length <= bytes.count else { return "a head of \(length) bytes in \(bytes.count)" }
        let head = bytes.slice(0..<length)
        return requestComplaint(head) ?? answerComplaint(head, .get) ?? answerComplaint(head, .head)
    }

    private static func cutComplaint(_ bytes: UnsafeRawBufferPointer, _ whole: HeadScanner.Outcome) -> String? {
        for longest in [1, 50] {
            var scanner = HeadScanner()
            var outcome = HeadScanner.Outcome.incomplete
            for piece in Cuts(bytes, longest: longest) {
                outcome = scanner.scan(bytes.slice(0..<piece.upperBound))
                if outcome != .incomplete { break }
            }
            if outcome != whole { return "\(whole) at once, \(outcome) in pieces of up to \(longest) bytes" }
        }
        return nil
    }

    // MARK: Requests

    private static let trace = TraceParent(traceHigh: 1, traceLow: 2, span: 3, flags: 1)

    private static func requestComplaint(_ head: UnsafeRawBufferPointer) -> String? {
        var fields = FieldTable()
        guard case .success(let request) = RequestHead.parse(head, into: &fields) else { return nil }
        for range in [
            request.methodName, request.target, request.authority, request.traceparent, request.requestID,
        ] where range.indices.upperBound > head.count { return "a part of the request lies outside of it" }
        if let complaint = fieldComplaint(fields, head) { return complaint }
        let isTraced = TraceParent(request.traceparent.slice(of: head)) != nil
        let additions = HeadRewriting.RequestAdditions(
            traceparent: isTraced ? nil : trace,
            requestID: RequestIdentifier(randomHigh: 4, randomLow: 5), passesUpgrade: true,
            timeLeft: 1_234_000_000)
        var writer = HeadWriter()
        HeadRewriting.request(request, fields, head, additions, MessageChanges(), to: &writer)
        if writer.overflowed { return "the request grew beyond the writer" }
        var scanner = HeadScanner(.mesh)
        guard scanner.scan(writer.bytes) == .complete(writer.count) else { return "no whole head was written" }
        var again = FieldTable()
        switch RequestHead.parse(writer.bytes, .mesh, into: &again) {
        case .failure(let refusal): return "what was written of the request is refused: \(refusal)"
        case .success(let second):
            // Who calls is the mesh's to say, and nothing of it was to be said.
            for index in 0..<again.count {
                switch again[index].kind {
                case .clientCertificate, .peerIdentity, .clientAddress: return "a caller's word of who it is goes on"
                case .tracestate where !isTraced: return "the state of another trace goes on"
                default: continue
                }
            }
            return difference(request, head, second, writer.bytes)
                ?? passedOn(
                    fields, head, again, writer.bytes,
                    // A caller's word that it is a copy is not passed on.
                    added: [
                        .host, .deadline, .requestID, .traceparent, .shadow, .clientCertificate, .peerIdentity, .clientAddress,
                    ] + (request.isGRPC ? [.grpcTimeout] : []) + (request.maxForwards != nil ? [.maxForwards] : [])
                        + (isTraced ? [] : [.tracestate]))
                ?? copyComplaint(second, again, writer.bytes)
        }
    }

    /// The copy that is made of what was written reads as the same request, and says what it is.
    private static func copyComplaint(_ head: RequestHead, _ fields: borrowing FieldTable, _ bytes: UnsafeRawBufferPointer) -> String? {
        let additions = HeadRewriting.RequestAdditions(
            traceparent: TraceParent(head.traceparent.slice(of: bytes))?.continued(by: 6), requestID: RequestIdentifier(),
            passesUpgrade: false, timeLeft: 1_234_000_000, isShadow: true)
        var writer = HeadWriter()
        HeadRewriting.request(head, fields, bytes, additions, MessageChanges(), to: &writer)
        if writer.overflowed { return "the copy grew beyond the writer" }
        var again = FieldTable()
        guard case .success(let copy) = RequestHead.parse(writer.bytes, .mesh, into: &again) else { return "the copy is refused" }
        let marks = (0..<again.count).reduce(0) { $0 + (again[$1].kind == .shadow ? 1 : 0) }
        guard marks == 1, copy.deadline == 1234, !copy.expectsContinue, !copy.asksUpgrade, !copy.traceparent.isEmpty else {
            return "the copy says something else than it should"
        }
        guard copy.method == head.method, copy.body == head.body, copy.isOldVersion == head.isOldVersion,
            copy.target.slice(of: writer.bytes).elementsEqual(head.target.slice(of: bytes))
        else { return "the copy asks for something else" }
        return nil
    }

    private static func difference(
        _ one: RequestHead, _ head: UnsafeRawBufferPointer, _ two: RequestHead, _ written: UnsafeRawBufferPointer
    ) -> String? {
        func same(_ part: KeyPath<RequestHead, ByteRange>) -> Bool {
            one[keyPath: part].slice(of: head).elementsEqual(two[keyPath: part].slice(of: written))
        }
        if one.method != two.method || !same(\.methodName) { return "another method" }
        if !one.target.isEmpty, !same(\.target) { return "another target" }
        let whole = one.method == .options ? "*" : "/"
        if one.target.isEmpty, !two.target.slice(of: written).elementsEqual(whole.utf8) { return "another target than \(whole)" }
        if let forwards = one.maxForwards, two.maxForwards != (forwards > 0 ? forwards - 1 : 0) { return "another number of forwards" }
        if !same(\.authority) { return "another authority" }
        if one.body != two.body { return "another body: \(one.body), \(two.body)" }
        if one.isOldVersion != two.isOldVersion || one.expectsContinue != two.expectsContinue { return "another version or expectation" }
        if one.acceptsTrailers != two.acceptsTrailers || one.asksUpgrade != two.asksUpgrade {
            return "another wish for trailers or an upgrade"
        }
        if two.keepsAlive == one.isOldVersion { return "the connection to the endpoint has another life" }
        if one.isGRPC != two.isGRPC { return "gRPC at one end only" }
        if !one.requestID.isEmpty, !same(\.requestID) { return "another request identifier" }
        if two.requestID.isEmpty || two.traceparent.isEmpty || two.deadline != 1234 { return "an addition is missing" }
        return nil
    }

    // MARK: Answers

    private static func answerComplaint(_ head: UnsafeRawBufferPointer, _ method: HTTPMethod) -> String? {
        var fields = FieldTable()
        guard case .success(let answer) = ResponseHead.parse(head, answering: method, into: &fields) else { return nil }
        for range in [answer.phrase, answer.retryAfter] where range.indices.upperBound > head.count {
            return "a part of the answer lies outside of it"
        }
        if let complaint = fieldComplaint(fields, head) { return complaint }
        // The data path does not pass such a one on.
        if answer.status == 101, !answer.namesProtocol { return nil }
        var writer = HeadWriter()
        HeadRewriting.response(answer, fields, head, closes: !answer.keepsAlive, keepsOldVersionAlive: false, to: &writer)
        if writer.overflowed { return "the answer grew beyond the writer" }
        var scanner = HeadScanner(.mesh)
        guard scanner.scan(writer.bytes) == .complete(writer.count) else { return "no whole head was written" }
        var again = FieldTable()
        switch ResponseHead.parse(writer.bytes, .mesh, answering: method, into: &again) {
        case .failure(let refusal): return "what was written of the answer is refused: \(refusal)"
        case .success(let second):
            if answer.status != second.status || answer.body != second.body { return "another status or body" }
            if answer.status != 101, answer.keepsAlive != second.keepsAlive { return "the connection has another life" }
            guard answer.phrase.slice(of: head).elementsEqual(second.phrase.slice(of: writer.bytes)) else { return "another phrase" }
            let framing: [FieldKind] = answer.isFramedByStatus ? [.contentLength, .transferEncoding] : []
            for index in 0..<again.count where framing.contains(again[index].kind) { return "an answer without a body speaks of one" }
            return passedOn(fields, head, again, writer.bytes, added: framing)
        }
    }

    // MARK: Fields

    private static func fieldComplaint(_ fields: borrowing FieldTable, _ head: UnsafeRawBufferPointer) -> String? {
        for index in 0..<fields.count {
            let field = fields[index]
            guard field.name.indices.upperBound < field.value.indices.upperBound + 1, field.value.indices.upperBound <= head.count else {
                return "field \(index) lies outside of the head"
            }
            if field.name.isEmpty { return "field \(index) has no name" }
            for byte in field.value.slice(of: head) where byte < 32 && byte != 9 || byte == 127 {
                return "field \(index) has a control character"
            }
        }
        return nil
    }

    /// Every field that is for the receiver comes through, unchanged and in order.
    private static func passedOn(
        _ one: borrowing FieldTable, _ head: UnsafeRawBufferPointer, _ two: borrowing FieldTable, _ written: UnsafeRawBufferPointer,
        added: [FieldKind]
    ) -> String? {
        var other = 0
        for index in 0..<one.count {
            let field = one[index]
            if field.kind.isHopByHop || field.isNominated || field.kind == .reason || added.contains(field.kind) { continue }
            while other < two.count, two[other].kind.isHopByHop || added.contains(two[other].kind) { other += 1 }
            guard other < two.count, two[other].name.slice(of: written).elementsEqual(field.name.slice(of: head)),
                two[other].value.slice(of: written).elementsEqual(field.value.slice(of: head))
            else { return "field \(index) did not come through" }
            other += 1
        }
        while other < two.count {
            if !two[other].kind.isHopByHop, !added.contains(two[other].kind) { return "a field that nobody sent" }
            other += 1
        }
        return nil
    }
}
