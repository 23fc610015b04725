/// The protocols that Upgrade names (RFC 9110 §7.8): `name ["/" version]`, both of them tokens, in a list.
package enum UpgradeOffer {
    /// Whether a change to it may be offered to a service. HTTP under whatever name may not: in HTTP/2 on the same connection the mesh would see
    /// no requests any more.
    static func mayBeOffered(_ bytes: Span<UInt8>, _ option: ByteRange) -> Bool {
        var slash = option.indices.lowerBound
        let end = option.indices.upperBound
        while slash < end, ByteClass.isToken(bytes[slash]) { slash += 1 }
        let name = ByteRange(option.indices.lowerBound, slash)
        guard !name.isEmpty else { return false }
        if slash < end {
            guard bytes[slash] == UInt8(ascii: "/"), slash + 1 < end else { return false }
            for index in (slash + 1)..<end where !ByteClass.isToken(bytes[index]) { return false }
        }
        return !bytes.matches("h2c", at: name) && !bytes.matches("h2", at: name) && !bytes.matches("http", at: name)
    }

    /// A server must not change to a protocol that it was not offered (§7.8): every one that an answer names stands in the offer.
    ///
    /// - Parameters:
    ///   - head: the request as the mesh wrote it.
    ///   - fields: of the answer.
    package static func covers(_ head: UnsafeRawBufferPointer, _ fields: borrowing FieldTable, _ answer: UnsafeRawBufferPointer) -> Bool {
        let request = Span<UInt8>(_unsafeBytes: head)
        let bytes = Span<UInt8>(_unsafeBytes: answer)
        guard let offer = offer(request) else { return false }
        var named = 0
        var isCovered = true
        for index in 0..<fields.count where fields[index].kind == .upgrade {
            FieldParser.forEachOption(bytes, fields[index].value) { option in
                guard !option.isEmpty else { return }
                named += 1
                var isOffered = false
                FieldParser.forEachOption(request, offer) { other in
                    if other.slice(of: head).equalsIgnoringCase(option.slice(of: answer)) { isOffered = true }
                }
                if !isOffered { isCovered = false }
            }
        }
        return named > 0 && isCovered
    }

    /// The value of the line that `HeadWriter` wrote.
    private static func offer(_ bytes: Span<UInt8>) -> ByteRange? {
        let name: StaticString = "upgrade: "
        var start = 0
        while start < bytes.count {
            var end = start
            while end < bytes.count, bytes[end] != ByteClass.carriageReturn { end += 1 }
            let value = start + name.utf8CodeUnitCount
            if value < end, bytes.matches(name, at: ByteRange(start, value)) { return ByteRange(value, end) }
            start = end + 2
        }
        return nil
    }
}

extension HeadWriter {
    /// `Connection` and `Upgrade`, with the protocols that a head names.
    ///
    /// - Parameter isOffer: those that may not be offered are left out.
    package mutating func appendUpgrade(_ fields: borrowing FieldTable, _ bytes: UnsafeRawBufferPointer, isOffer: Bool) {
        let span = Span<UInt8>(_unsafeBytes: bytes)
        append("connection: upgrade\r\nupgrade: ")
        var count = 0
        for index in 0..<fields.count where fields[index].kind == .upgrade {
            FieldParser.forEachOption(span, fields[index].value) { option in
                guard isOffer ? UpgradeOffer.mayBeOffered(span, option) : !option.isEmpty else { return }
                if count > 0 { append(", ") }
                append(option.slice(of: bytes))
                count += 1
            }
        }
        append("\r\n")
    }
}
