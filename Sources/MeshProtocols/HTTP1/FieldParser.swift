/// Reads the field lines of a head, and what they say of the message's framing and connection. The same for requests and responses.
struct FieldParser: BitwiseCopyable {
    /// What the fields said together.
    struct Facts: BitwiseCopyable {
        var hosts = 0
        var host = ByteRange.empty
        var contentLengths = 0
        var contentLength: UInt64 = 0
        var codings = 0
        var isChunked = false
        var closes = false
        var keepsAlive = false
        var upgrades = false
        /// Upgrade names a protocol that may be offered to a service.
        var offersProtocol = false
        /// Upgrade names any protocol.
        var namesProtocol = false
        var maxForwards = ByteRange.empty
        var maxForwardsFields = 0
        var expectsContinue = false
        var acceptsTrailers = false
        var deadlines = 0
        var deadline = ByteRange.empty
        var traceparents = 0
        var traceparent = ByteRange.empty
        var requestID = ByteRange.empty
        var contentType = ByteRange.empty
        var grpcTimeouts = 0
        var grpcTimeout = ByteRange.empty
        var retryAfter = ByteRange.empty
        var hasNominations = false
    }

    private(set) var facts = Facts()

    /// - Parameters:
    ///   - start: where the first field line starts.
    ///   - bytes: a whole head as `HeadScanner` found it.
    mutating func parse(
        _ bytes: Span<UInt8>, from start: Int, _ bounds: HeadBounds, into table: inout FieldTable
    ) -> HTTPRefusal? {
        table.removeAll(bounds)
        var line = start
        // The last line is empty.
        while line < bytes.count - 2 {
            if let refusal = field(bytes, &line, &table) { return refusal }
        }
        if facts.hasNominations { return nominate(bytes, &table) }
        return nil
    }

    /// One line; `line` moves to the next.
    private mutating func field(_ bytes: Span<UInt8>, _ line: inout Int, _ table: inout FieldTable) -> HTTPRefusal? {
        var index = line
        while ByteClass.isToken(bytes[index]) { index += 1 }
        guard bytes[index] == ByteClass.colon else {
            let isBlank = bytes[index] == ByteClass.space || bytes[index] == ByteClass.tab
            if isBlank { return index == line ? .foldedField : .spaceBeforeColon }
            return .badFieldName
        }
        guard index > line else { return .badFieldName }
        let name = ByteRange(line, index)
        index += 1
        while bytes[index] == ByteClass.space || bytes[index] == ByteClass.tab { index += 1 }
        let valueStart = index
        while ByteClass.isFieldValue(bytes[index]) { index += 1 }
        guard bytes[index] == ByteClass.carriageReturn else { return .badFieldValue }
        guard bytes[index + 1] == ByteClass.lineFeed else { return .bareCarriageReturn }
        line = index + 2
        while index > valueStart, bytes[index - 1] == ByteClass.space || bytes[index - 1] == ByteClass.tab { index -= 1 }
        let field = HeaderField(name: name, value: ByteRange(valueStart, index), kind: FieldKind(bytes, name))
        guard table.append(field) else { return .tooManyFields }
        return note(field, bytes)
    }

    private mutating func note(_ field: HeaderField, _ bytes: Span<UInt8>) -> HTTPRefusal? {
        switch field.kind {
        case .other, .keepAlive, .proxyConnection, .http2Settings, .reason, .shadow, .tracestate, .clientCertificate, .peerIdentity,
            .clientAddress:
            return nil
        case .host:
            facts.hosts += 1
            facts.host = field.value
            return facts.hosts > 1 ? .repeatedHost : nil
        case .contentLength:
            facts.contentLengths += 1
            guard facts.contentLengths == 1 else { return .repeatedContentLength }
            guard let length = Self.number(bytes, field.value) else { return .badContentLength }
            facts.contentLength = length
            return nil
        case .transferEncoding:
            facts.codings += 1
            guard facts.codings == 1 else { return .badTransferCoding }
            facts.isChunked = bytes.matches("chunked", at: field.value)
            return facts.isChunked ? nil : Self.refusal(ofCodings: field.value, bytes)
        case .connection: return connection(field.value, bytes)
        case .te:
            facts.acceptsTrailers = facts.acceptsTrailers || Self.hasOption(bytes, field.value, "trailers")
            return nil
        case .upgrade:
            var (names, offers) = (facts.namesProtocol, facts.offersProtocol)
            Self.forEachOption(bytes, field.value) { option in
                if !option.isEmpty { names = true }
                if UpgradeOffer.mayBeOffered(bytes, option) { offers = true }
            }
            (facts.namesProtocol, facts.offersProtocol) = (names, offers)
            return nil
        case .expect: return expect(field.value, bytes)
        case .maxForwards:
            facts.maxForwardsFields += 1
            facts.maxForwards = field.value
        case .retryAfter: facts.retryAfter = field.value
        case .traceparent:
            facts.traceparents += 1
            facts.traceparent = field.value
        case .requestID: facts.requestID = field.value
        case .contentType: facts.contentType = field.value
        case .grpcTimeout:
            facts.grpcTimeouts += 1
            facts.grpcTimeout = field.value
        case .deadline:
            facts.deadlines += 1
            facts.deadline = field.value
            return facts.deadlines > 1 ? .badReservedField : nil
        }
        return nil
    }

    /// A list, of which one member is known (RFC 9110 §10.1.1).
    private mutating func expect(_ value: ByteRange, _ bytes: Span<UInt8>) -> HTTPRefusal? {
        var expects = facts.expectsContinue
        var isKnown = true
        Self.forEachOption(bytes, value) { option in
            if option.isEmpty { return }
            if bytes.matches("100-continue", at: option) { expects = true } else { isKnown = false }
        }
        facts.expectsContinue = expects
        return isKnown ? nil : .unknownExpectation
    }

    /// Codings other than a single `chunked`. A list that ends in it is sound but asks for more than the mesh does (501, RFC 9112 §6.1); where
    /// `chunked` stands elsewhere nobody can tell the message's end (400, §6.3).
    private static func refusal(ofCodings value: ByteRange, _ bytes: Span<UInt8>) -> HTTPRefusal {
        var (chunked, isLast, hasEmpty) = (0, false, false)
        forEachOption(bytes, value) { option in
            isLast = bytes.matches("chunked", at: option)
            if isLast { chunked += 1 }
            if option.isEmpty { hasEmpty = true }
        }
        return hasEmpty || chunked > 1 || chunked == 1 && !isLast ? .badTransferCoding : .unknownTransferCoding
    }

    private mutating func connection(_ value: ByteRange, _ bytes: Span<UInt8>) -> HTTPRefusal? {
        var refusal: HTTPRefusal?
        Self.forEachOption(bytes, value) { option in
            if option.isEmpty { return }
            for index in option.indices where !ByteClass.isToken(bytes[index]) { refusal = .badConnectionOption }
            if bytes.matches("close", at: option) {
                facts.closes = true
            } else if bytes.matches("keep-alive", at: option) {
                facts.keepsAlive = true
            } else if bytes.matches("upgrade", at: option) {
                facts.upgrades = true
            } else {
                facts.hasNominations = true
            }
        }
        return refusal
    }

    /// Marks the fields that Connection named. It must not name what delimits or addresses the message.
    private func nominate(_ bytes: Span<UInt8>, _ table: inout FieldTable) -> HTTPRefusal? {
        var refusal: HTTPRefusal?
        for index in 0..<table.count where table[index].kind == .connection {
            Self.forEachOption(bytes, table[index].value) { option in
                for other in 0..<table.count where Self.areEqual(bytes, table[other].name, option) {
                    switch table[other].kind {
                    case .host, .contentLength, .transferEncoding, .expect, .deadline, .grpcTimeout, .traceparent, .requestID, .reason:
                        refusal = .badConnectionOption
                    default: table.nominate(other)
                    }
                }
            }
        }
        return refusal
    }

    // MARK: Values

    /// Digits and nothing else; nil beyond the bound.
    static func number(_ bytes: Span<UInt8>, _ range: ByteRange) -> UInt64? {
        guard !range.isEmpty, range.count <= HTTPLimits.lengthDigits else { return nil }
        var value: UInt64 = 0
        for index in range.indices {
            guard ByteClass.isDigit(bytes[index]) else { return nil }
            value = value * 10 + UInt64(bytes[index] - 48)
        }
        return value
    }

    /// Calls `body` for each element of a comma-separated list (RFC 9110 §5.6.1), without white space around it.
    static func forEachOption(_ bytes: Span<UInt8>, _ value: ByteRange, _ body: (ByteRange) -> Void) {
        var start = value.indices.lowerBound
        let end = value.indices.upperBound
        while start <= end {
            var stop = start
            while stop < end, bytes[stop] != UInt8(ascii: ",") { stop += 1 }
            var first = start
            var last = stop
            while first < last, bytes[first] == ByteClass.space || bytes[first] == ByteClass.tab { first += 1 }
            while last > first, bytes[last - 1] == ByteClass.space || bytes[last - 1] == ByteClass.tab { last -= 1 }
            body(ByteRange(first, last))
            start = stop + 1
        }
    }

    private static func hasOption(_ bytes: Span<UInt8>, _ value: ByteRange, _ option: StaticString) -> Bool {
        var found = false
        forEachOption(bytes, value) { if bytes.matches(option, at: $0) { found = true } }
        return found
    }

    private static func areEqual(_ bytes: Span<UInt8>, _ left: ByteRange, _ right: ByteRange) -> Bool {
        guard left.count == right.count else { return false }
        for offset in 0..<Int(left.count) {
            let one = ByteClass.lowered(bytes[Int(left.start) + offset])
            if one != ByteClass.lowered(bytes[Int(right.start) + offset]) { return false }
        }
        return true
    }
}
