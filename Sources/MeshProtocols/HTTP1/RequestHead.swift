package import MeshTypes

/// How a message's end is found (RFC 9112 §6.3).
package enum BodyLength: BitwiseCopyable, Sendable, Equatable {
    case none
    case exactly(UInt64)
    case chunked
    /// Until the connection ends; responses only.
    case untilClose
}

extension HTTPMethod {
    /// Names of methods are case-sensitive.
    init(_ bytes: Span<UInt8>, _ range: ByteRange) {
        func equals(_ name: StaticString) -> Bool {
            for index in 0..<name.utf8CodeUnitCount where bytes[Int(range.start) + index] != name.utf8Start[index] { return false }
            return true
        }
        self = .other
        switch range.count {
        case 3:
            if equals("GET") { self = .get }
            if equals("PUT") { self = .put }
        case 4:
            if equals("POST") { self = .post }
            if equals("HEAD") { self = .head }
        case 5:
            if equals("PATCH") { self = .patch }
            if equals("TRACE") { self = .trace }
        case 6: if equals("DELETE") { self = .delete }
        case 7: if equals("OPTIONS") { self = .options }
        default: break
        }
    }
}

/// A request's head, as ranges of the bytes that it was parsed from.
package struct RequestHead: BitwiseCopyable, Sendable {
    package let method: HTTPMethod
    package let methodName: ByteRange
    /// Path and query; of an absolute target without scheme and host. Empty stands for `/`, and for `*` of OPTIONS it is `*`.
    package let target: ByteRange
    /// Host, or the target's host and port when it is absolute. Empty in HTTP/1.0.
    package let authority: ByteRange
    package let isOldVersion: Bool
    package let body: BodyLength
    /// The sender will take another response on the connection.
    package let keepsAlive: Bool
    package let expectsContinue: Bool
    package let acceptsTrailers: Bool
    /// The sender would change to another protocol, one that may be offered to a service (RFC 9110 §7.8).
    package let asksUpgrade: Bool
    /// How many more may pass the request on (RFC 9110 §7.6.2); nil for any number, and for methods that do not count.
    package let maxForwards: UInt64?
    package let traceparent: ByteRange
    package let requestID: ByteRange
    /// Milliseconds that the caller gives it (`x-myelin-deadline`); nil when it does not say.
    package let deadline: UInt64?
    /// The body is gRPC's (`application/grpc`, also with a suffix): the mesh answers such a request in gRPC's way.
    package let isGRPC: Bool
    /// Nanoseconds that the caller of a gRPC method gives it (`grpc-timeout`); nil when it does not say.
    package let grpcTimeout: UInt64?

    /// Nanoseconds that the caller gives the request, in whichever way it says so; nil when it does not.
    package var callersTime: UInt64? {
        switch (deadline.map { $0 * 1_000_000 }, grpcTimeout) {
        case (let deadline?, let timeout?): min(deadline, timeout)
        case (let deadline, let timeout): deadline ?? timeout
        }
    }

    /// - Parameter bytes: a whole head as `HeadScanner` found it.
    package static func parse(
        _ bytes: UnsafeRawBufferPointer, _ bounds: HeadBounds = .workload, into table: inout FieldTable
    ) -> Result<RequestHead, HTTPRefusal> {
        let span = Span<UInt8>(_unsafeBytes: bytes)
        var line = RequestLine()
        if let refusal = line.parse(span) { return .failure(refusal) }
        var parser = FieldParser()
        if let refusal = parser.parse(span, from: line.end, bounds, into: &table) { return .failure(refusal) }
        let facts = parser.facts
        if let refusal = check(facts, line, span) { return .failure(refusal) }
        var deadline: UInt64?
        if !facts.deadline.isEmpty || facts.deadlines > 0 {
            deadline = FieldParser.number(span, facts.deadline)
            guard let deadline, deadline <= HTTPLimits.deadline else { return .failure(.badReservedField) }
        }
        let isGRPC = GRPC.isContentType(facts.contentType, in: span)
        var grpcTimeout: UInt64?
        if isGRPC, facts.grpcTimeouts > 0 {
            grpcTimeout = facts.grpcTimeouts == 1 ? GRPC.timeout(facts.grpcTimeout, in: span) : nil
            if grpcTimeout == nil { return .failure(.badGRPCTimeout) }
        }
        let counts = line.method == .options || line.method == .trace
        return .success(
            RequestHead(
                method: line.method, methodName: line.methodName, target: line.target,
                authority: line.authority.isEmpty ? facts.host : line.authority, isOldVersion: line.isOldVersion,
                body: facts.isChunked ? .chunked : facts.contentLength > 0 ? .exactly(facts.contentLength) : .none,
                keepsAlive: line.isOldVersion ? facts.keepsAlive && !facts.closes : !facts.closes,
                expectsContinue: facts.expectsContinue && !line.isOldVersion, acceptsTrailers: facts.acceptsTrailers,
                asksUpgrade: facts.upgrades && facts.offersProtocol && !line.isOldVersion,
                maxForwards: counts && facts.maxForwardsFields == 1 ? FieldParser.number(span, facts.maxForwards) : nil,
                // A repeated traceparent is as good as none (Trace Context §3.2).
                traceparent: facts.traceparents == 1 ? facts.traceparent : .empty, requestID: facts.requestID,
                deadline: deadline, isGRPC: isGRPC, grpcTimeout: grpcTimeout))
    }

    private static func check(_ facts: FieldParser.Facts, _ line: RequestLine, _ bytes: Span<UInt8>) -> HTTPRefusal? {
        if facts.hosts == 0, !line.isOldVersion { return .missingHost }
        // The authority of an absolute target counts, and Host is written anew from it (§3.2.2); an empty one is no field's error then (§3.2).
        let isIgnored = !line.authority.isEmpty && facts.host.isEmpty
        if facts.hosts > 0, !isIgnored, !HostGrammar.isValid(bytes, facts.host) { return .badHost }
        guard facts.codings > 0 else { return nil }
        if facts.contentLengths > 0 { return .lengthWithTransferCoding }
        return line.isOldVersion ? .transferCodingInOldVersion : nil
    }
}

/// `method SP target SP version` (RFC 9112 §3).
private struct RequestLine {
    var method = HTTPMethod.other
    var methodName = ByteRange.empty
    var target = ByteRange.empty
    var authority = ByteRange.empty
    var isOldVersion = false
    /// Where the fields start.
    var end = 0

    mutating func parse(_ bytes: Span<UInt8>) -> HTTPRefusal? {
        var index = 0
        while ByteClass.isToken(bytes[index]) { index += 1 }
        guard index > 0, bytes[index] == ByteClass.space else { return .badStartLine }
        methodName = ByteRange(0, index)
        method = HTTPMethod(bytes, methodName)
        if bytes.matches("connect", at: methodName) { return .connectMethod }
        let start = index + 1
        index = start
        while ByteClass.isTarget(bytes[index]) { index += 1 }
        guard bytes[index] == ByteClass.space else { return index == start ? .badStartLine : .badTarget }
        target = ByteRange(start, index)
        if let refusal = resolveTarget(bytes) { return refusal }
        return version(bytes, from: index + 1)
    }

    private mutating func version(_ bytes: Span<UInt8>, from start: Int) -> HTTPRefusal? {
        // "HTTP/1.1" CRLF
        guard start + 10 <= bytes.count, bytes[start + 8] == ByteClass.carriageReturn, bytes[start + 9] == ByteClass.lineFeed else {
            return .badStartLine
        }
        let name = ByteRange(start, start + 5)
        guard bytes.matches("http/", at: name), bytes[start] == UInt8(ascii: "H"), bytes[start + 1] == UInt8(ascii: "T"),
            bytes[start + 2] == UInt8(ascii: "T"), bytes[start + 3] == UInt8(ascii: "P"), bytes[start + 6] == UInt8(ascii: "."),
            ByteClass.isDigit(bytes[start + 5]), ByteClass.isDigit(bytes[start + 7])
        else { return .badStartLine }
        // A higher minor version is answered as the highest that is known (RFC 9110 §2.5).
        guard bytes[start + 5] == UInt8(ascii: "1") else { return .badVersion }
        isOldVersion = bytes[start + 7] == UInt8(ascii: "0")
        end = start + 10
        return nil
    }

    /// Origin form, absolute form, or `*` of OPTIONS (RFC 9112 §3.2).
    private mutating func resolveTarget(_ bytes: Span<UInt8>) -> HTTPRefusal? {
        guard let first = target.indices.first else { return .badStartLine }
        if bytes[first] == UInt8(ascii: "/") { return nil }
        if bytes[first] == UInt8(ascii: "*") { return method == .options && target.count == 1 ? nil : .badTarget }
        let scheme = ByteRange(first, min(first + 7, target.indices.upperBound))
        guard bytes.matches("http://", at: scheme) else { return .badTarget }
        var index = first + 7
        while index < target.indices.upperBound, bytes[index] != UInt8(ascii: "/"), bytes[index] != UInt8(ascii: "?") {
            index += 1
        }
        authority = ByteRange(first + 7, index)
        guard HostGrammar.isValid(bytes, authority) else { return .badTarget }
        // "http://host?query" has no path: refused, since "/" would have to be put before the query.
        if index < target.indices.upperBound, bytes[index] == UInt8(ascii: "?") { return .badTarget }
        target = ByteRange(index, target.indices.upperBound)
        return nil
    }
}
