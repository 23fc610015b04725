/// Turns the fields of an HTTP/2 header block into a head in the form of HTTP/1.1, and refuses what is malformed (RFC 9113 §8.1.1).
///
/// nghttp2 checks most of it too. It is checked again because this is where bytes become lines: what slipped through would be a field, or a
/// request, that the sender smuggled in.
struct CanonicalHead: ~Copyable {
    enum Kind: BitwiseCopyable { case request, response, trailers }

    enum Outcome: BitwiseCopyable, Equatable { case request, connect, response, trailers, tooLarge, malformed }

    private var text = HeadText()
    private var kind = Kind.request
    private var isMalformed = false
    /// Bytes as RFC 9113 §6.5.2 counts them.
    private var size: UInt32 = 0
    private let maximumSize: UInt32
    /// A regular field has come: no pseudo-header field may follow (§8.3).
    private var hasFields = false
    /// Values that a request's start line is made of stand in front of the head; empty until they come.
    private var method = 0..<0
    private var path = 0..<0
    private var authority = 0..<0
    private var hasScheme = false
    private var isConnect = false
    private var status = 0
    private var start = 0
    private var firstField = 0
    private var hostLine = 0..<0
    private var contentLengths = 0

    /// RFC 9113 §6.5.2.
    private static let fieldOverhead: UInt32 = 32

    init(maximumSize: UInt32) { self.maximumSize = maximumSize }

    /// The head, once it is finished.
    var bytes: UnsafeRawBufferPointer { text[start..<text.count] }

    /// The request's `:path`, once it is finished.
    var target: UnsafeRawBufferPointer { text[path] }

    var isTooLarge: Bool { size > maximumSize }

    mutating func begin(_ kind: Kind) {
        text.removeAll()
        self.kind = kind
        isMalformed = false
        size = 0
        hasFields = false
        (method, path, authority, hostLine) = (0..<0, 0..<0, 0..<0, 0..<0)
        hasScheme = false
        isConnect = false
        status = 0
        start = 0
        firstField = 0
        contentLengths = 0
    }

    mutating func trim() { text.trim() }

    mutating func add(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        size &+= UInt32(truncatingIfNeeded: name.count &+ value.count) &+ Self.fieldOverhead
        guard !isMalformed, !isTooLarge else { return }
        let isGood = name.first == ByteClass.colon ? addPseudo(name, value) : addRegular(name, value)
        if !isGood { isMalformed = true }
    }

    mutating func finish() -> Outcome {
        if isTooLarge { return .tooLarge }
        guard !isMalformed, hasFields || startFields() else { return .malformed }
        if kind == .request, !isConnect, authority.isEmpty {
            guard !hostLine.isEmpty else { return .malformed }
            text.move(hostLine, to: firstField)
        }
        text.append("\r\n")
        switch kind {
        case .request: return isConnect ? .connect : .request
        case .response: return status > 0 ? .response : .trailers
        case .trailers: return .trailers
        }
    }

    // MARK: Pseudo-header fields (§8.3)

    private mutating func addPseudo(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool {
        guard !hasFields else { return false }
        switch kind {
        case .request: return addRequestPart(name, value)
        case .response:
            guard name.equals(":status"), status == 0, value.count == 3, value.allSatisfy(ByteClass.isDigit) else { return false }
            status = value.reduce(0) { $0 * 10 + Int($1 - 48) }
            text.append("HTTP/1.1 ")
            text.append(value)
            text.append(" \r\n")
            // 101 changes the protocol, which HTTP/2 does not do (§8.6).
            return status >= 100 && status != 101
        case .trailers: return false
        }
    }

    private mutating func addRequestPart(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool {
        if name.equals(":method") {
            guard method.isEmpty, value.allSatisfy(ByteClass.isToken) else { return false }
            method = keep(value)
            isConnect = value.equalsIgnoringCase("CONNECT")
            return !method.isEmpty
        }
        if name.equals(":path") {
            guard path.isEmpty, value.allSatisfy(ByteClass.isTarget) else { return false }
            path = keep(value)
            return !path.isEmpty
        }
        if name.equals(":authority") {
            guard authority.isEmpty, HostGrammar.isValid(value) else { return false }
            authority = keep(value)
            return !authority.isEmpty
        }
        guard name.equals(":scheme"), !hasScheme else { return false }
        hasScheme = true
        return value.equalsIgnoringCase("http") || value.equalsIgnoringCase("https")
    }

    private mutating func keep(_ value: UnsafeRawBufferPointer) -> Range<Int> {
        let start = text.count
        text.append(value)
        return start..<text.count
    }

    /// Writes a request's start line; the pseudo-header fields are over. - Returns: whether it has what it must have.
    private mutating func startFields() -> Bool {
        hasFields = true
        guard kind == .request else { return true }
        start = text.count
        guard !method.isEmpty else { return false }
        if isConnect { return true }
        let isOptions = text[method].equals("OPTIONS")
        guard hasScheme, let first = text[path].first, first == UInt8(ascii: "/") || isOptions && text[path].equals("*") else {
            return false
        }
        text.append(copyOf: method)
        text.append(" ")
        text.append(copyOf: path)
        text.append(" HTTP/1.1\r\n")
        firstField = text.count
        guard !authority.isEmpty else { return true }
        text.append("host: ")
        text.append(copyOf: authority)
        text.append("\r\n")
        return true
    }

    // MARK: Fields (§8.2)

    private mutating func addRegular(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool {
        guard hasFields || startFields(), !name.isEmpty,
            name.allSatisfy({ ByteClass.isToken($0) && ByteClass.lowered($0) == $0 }), value.allSatisfy(ByteClass.isFieldValue),
            !Self.isBlank(value.first), !Self.isBlank(value.last)
        else { return false }
        let span = Span<UInt8>(_unsafeBytes: name)
        switch FieldKind(span, ByteRange(0, name.count)) {
        case .connection, .keepAlive, .proxyConnection, .transferEncoding, .upgrade: return false
        // In trailers it would frame or address the message too late: it says nothing there (RFC 9110 §6.5.1).
        case _ where (kind == .trailers || kind == .response && status == 0) && TrailerName.isLeftOut(name): return true
        case .te where !value.equalsIgnoringCase("trailers"): return false
        case .contentLength:
            contentLengths += 1
            guard contentLengths == 1, ByteRange(0, value.count).decimal(in: value) != nil else { return false }
        case .host where kind == .request: return addHost(name, value)
        default: break
        }
        append(name, value)
        return true
    }

    /// A second host, or one that contradicts `:authority`, makes the request ambiguous; one that repeats it says nothing.
    private mutating func addHost(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool {
        guard hostLine.isEmpty, HostGrammar.isValid(value) else { return false }
        if !authority.isEmpty {
            guard value.equalsIgnoringCase(text[authority]) else { return false }
            hostLine = authority
            return true
        }
        let start = text.count
        append(name, value)
        hostLine = start..<text.count
        return true
    }

    private mutating func append(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        text.append(name)
        text.append(": ")
        text.append(value)
        text.append("\r\n")
    }

    private static func isBlank(_ byte: UInt8?) -> Bool { byte == ByteClass.space || byte == ByteClass.tab }
}
