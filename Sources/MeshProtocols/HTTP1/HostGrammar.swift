/// `host [":" port]` as Host and targets have it (RFC 9110 §7.2): RFC 3986 §3.2.2, and a port that TCP has.
package enum HostGrammar {
    package static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
        isValid(Span<UInt8>(_unsafeBytes: bytes), ByteRange(0, bytes.count))
    }

    /// - Returns: false also for an empty host, which `http` does not have (RFC 9110 §4.2.1).
    static func isValid(_ bytes: Span<UInt8>, _ range: ByteRange) -> Bool {
        let (start, end) = (range.indices.lowerBound, range.indices.upperBound)
        guard start < end else { return false }
        if bytes[start] == UInt8(ascii: "[") {
            var close = start + 1
            while close < end, bytes[close] != UInt8(ascii: "]") { close += 1 }
            guard close < end, isLiteral(bytes, start + 1, close) else { return false }
            return close + 1 == end || bytes[close + 1] == ByteClass.colon && isPort(bytes, close + 2, end)
        }
        var index = start
        while index < end, bytes[index] != ByteClass.colon {
            if bytes[index] == UInt8(ascii: "%") {
                guard index + 2 < end, ByteClass.hexadecimal(bytes[index + 1]) != nil, ByteClass.hexadecimal(bytes[index + 2]) != nil else {
                    return false
                }
                index += 2
            } else if !ByteClass.isNamePart(bytes[index]) {
                return false
            }
            index += 1
        }
        return index > start && (index == end || isPort(bytes, index + 1, end))
    }

    /// `*DIGIT`: also none, and zeros in front. Beyond 65,535 there is no port, and programs that cut the number short would see another one.
    private static func isPort(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
        var port = 0
        for index in start..<end {
            guard ByteClass.isDigit(bytes[index]) else { return false }
            port = port * 10 + Int(bytes[index] - 48)
            guard port <= 65_535 else { return false }
        }
        return true
    }

    /// What stands in brackets: an IPv6 address without a zone, or what may come after it (IPvFuture).
    private static func isLiteral(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
        guard start < end else { return false }
        guard ByteClass.lowered(bytes[start]) == UInt8(ascii: "v") else { return isIPv6(bytes, start, end) }
        var index = start + 1
        while index < end, ByteClass.hexadecimal(bytes[index]) != nil { index += 1 }
        guard index > start + 1, index + 1 < end, bytes[index] == UInt8(ascii: ".") else { return false }
        for place in (index + 1)..<end where !ByteClass.isNamePart(bytes[place]) && bytes[place] != ByteClass.colon { return false }
        return true
    }

    /// Eight groups of one to four digits; one `::` stands for at least one group; the last two may be an IPv4 address.
    private static func isIPv6(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
        var groups = 0
        var isShortened = false
        var index = start
        func isColon(_ place: Int) -> Bool { place < end && bytes[place] == ByteClass.colon }
        if isColon(index) {
            guard isColon(index + 1) else { return false }
            isShortened = true
            index += 2
        }
        while index < end {
            var digits = index
            while digits < end, ByteClass.hexadecimal(bytes[digits]) != nil { digits += 1 }
            if digits < end, bytes[digits] == UInt8(ascii: ".") {
                guard isIPv4(bytes, index, end) else { return false }
                groups += 2
                break
            }
            guard (1...4).contains(digits - index) else { return false }
            groups += 1
            index = digits
            if index == end { break }
            guard isColon(index), index + 1 < end else { return false }
            index += 1
            if isColon(index) {
                guard !isShortened else { return false }
                isShortened = true
                index += 1
            }
        }
        return isShortened ? groups < 8 : groups == 8
    }

    private static func isIPv4(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
        var parts = 0
        var index = start
        while true {
            let first = index
            var value = 0
            while index < end, ByteClass.isDigit(bytes[index]), index - first < 4 {
                value = value * 10 + Int(bytes[index] - 48)
                index += 1
            }
            guard index > first, value <= 255, index - first == 1 || bytes[first] != UInt8(ascii: "0") else { return false }
            parts += 1
            if index == end { return parts == 4 }
            guard bytes[index] == UInt8(ascii: "."), parts < 4 else { return false }
            index += 1
        }
    }
}
