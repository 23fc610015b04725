internal import CNGHTTP2

/// A head on its way into nghttp2, which copies it when it is submitted, and turns names to lower case.
struct FieldList {
    private var entries: [nghttp2_nv] = []

    /// Values of the request's pseudo-header fields come first, whatever the head's order.
    private static let requestParts = 4

    borrowing func withEntries(_ body: (UnsafePointer<nghttp2_nv>?, Int) -> Int32) -> Int32 {
        entries.withUnsafeBufferPointer { body($0.baseAddress, $0.count) }
    }

    /// `METHOD SP path SP HTTP/1.1 CRLF`, fields, an empty line.
    /// - Returns: false if it is not of that form or has no `host`.
    mutating func readRequest(_ head: UnsafeRawBufferPointer) -> Bool {
        entries.removeAll(keepingCapacity: true)
        guard let methodEnd = head.firstIndex(of: ByteClass.space) else { return false }
        let rest = head[(methodEnd + 1)...]
        guard let pathEnd = rest.firstIndex(of: ByteClass.space), let lineEnd = rest.firstIndex(of: ByteClass.lineFeed), pathEnd < lineEnd
        else { return false }
        add(":method", head[..<methodEnd])
        add(":scheme", "http")
        add(":path", head[(methodEnd + 1)..<pathEnd])
        add(":authority", "")
        var hosts = 0
        let isWhole = readFields(head[(lineEnd + 1)...]) { list, name, value, kind in
            guard kind == .host else { return list.add(name, value, kind) }
            hosts += 1
            list.entries[Self.requestParts - 1] = Self.entry(Self.bytes(":authority"), value)
        }
        return isWhole && hosts == 1 && methodEnd > 0 && pathEnd > methodEnd + 1
    }

    /// `HTTP/1.1 NNN phrase CRLF`, fields, an empty line. - Returns: false if it is not of that form.
    mutating func readResponse(_ head: UnsafeRawBufferPointer) -> Bool {
        entries.removeAll(keepingCapacity: true)
        guard let lineEnd = head.firstIndex(of: ByteClass.lineFeed), lineEnd > 12 else { return false }
        guard head[8] == ByteClass.space, head[9..<12].allSatisfy(ByteClass.isDigit) else { return false }
        add(":status", head[9..<12])
        return readFields(head[(lineEnd + 1)...]) { list, name, value, kind in list.add(name, value, kind) }
    }

    /// Fields and an empty line. - Returns: whether there is one, and they are of that form.
    mutating func readTrailers(_ fields: UnsafeRawBufferPointer) -> Bool {
        entries.removeAll(keepingCapacity: true)
        return readFields(fields[...]) { list, name, value, kind in list.add(name, value, kind) } && !entries.isEmpty
    }

    /// An answer of the session itself.
    mutating func answer(_ status: StaticString) {
        entries.removeAll(keepingCapacity: true)
        add(":status", status)
        add("x-myelin-reason", "bad_request")
    }

    // MARK: Fields

    /// - Returns: whether the fields end in an empty line, and nothing follows it.
    private mutating func readFields(
        _ lines: Slice<UnsafeRawBufferPointer>,
        _ body: (inout FieldList, Slice<UnsafeRawBufferPointer>, Slice<UnsafeRawBufferPointer>, FieldKind) -> Void
    ) -> Bool {
        var rest = lines
        while let end = rest.firstIndex(of: ByteClass.lineFeed) {
            guard end > rest.startIndex, rest[end - 1] == ByteClass.carriageReturn else { return false }
            let line = rest[..<(end - 1)]
            rest = rest[(end + 1)...]
            if line.isEmpty { return rest.isEmpty }
            guard let colon = line.firstIndex(of: ByteClass.colon), colon > line.startIndex else { return false }
            let name = line[..<colon]
            let value = Self.trimmed(line[(colon + 1)...])
            let span = Span<UInt8>(_unsafeBytes: UnsafeRawBufferPointer(rebasing: name))
            body(&self, name, value, FieldKind(span, ByteRange(0, name.count)))
        }
        return false
    }

    private static func trimmed(_ value: Slice<UnsafeRawBufferPointer>) -> Slice<UnsafeRawBufferPointer> {
        var value = value
        while let first = value.first, first == ByteClass.space || first == ByteClass.tab { value = value.dropFirst() }
        while let last = value.last, last == ByteClass.space || last == ByteClass.tab { value = value.dropLast() }
        return value
    }

    /// A field that is for one connection only is left out (RFC 9113 §8.2.2).
    private mutating func add(_ name: Slice<UnsafeRawBufferPointer>, _ value: Slice<UnsafeRawBufferPointer>, _ kind: FieldKind) {
        switch kind {
        case .connection, .keepAlive, .proxyConnection, .upgrade, .http2Settings, .transferEncoding: return
        case .te where !UnsafeRawBufferPointer(rebasing: value).equalsIgnoringCase("trailers"): return
        // Other for every request: in the table they would only push out what comes again.
        case .traceparent, .requestID, .deadline:
            entries.append(Self.entry(name, value, flags: UInt8(truncatingIfNeeded: NGHTTP2_NV_FLAG_NO_INDEX.rawValue)))
        default: entries.append(Self.entry(name, value))
        }
    }

    private mutating func add(_ name: StaticString, _ value: Slice<UnsafeRawBufferPointer>) {
        entries.append(Self.entry(Self.bytes(name), value))
    }

    private mutating func add(_ name: StaticString, _ value: StaticString) { add(name, Self.bytes(value)) }

    private static func bytes(_ text: StaticString) -> Slice<UnsafeRawBufferPointer> {
        UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)[...]
    }

    private static func entry(
        _ name: Slice<UnsafeRawBufferPointer>, _ value: Slice<UnsafeRawBufferPointer>, flags: UInt8 = 0
    ) -> nghttp2_nv {
        func start(_ bytes: Slice<UnsafeRawBufferPointer>) -> UnsafeMutablePointer<UInt8>? {
            UnsafeMutableRawPointer(mutating: UnsafeRawBufferPointer(rebasing: bytes).baseAddress)?.assumingMemoryBound(to: UInt8.self)
        }
        return nghttp2_nv(name: start(name), value: start(value), namelen: name.count, valuelen: value.count, flags: flags)
    }
}
