package import MeshTypes
internal import Yams

/// Typed scalars. Each reports what is wrong and returns nil then.
extension DocumentValue {
    /// Text as written; numbers and booleans are text too.
    package func string() -> String? {
        guard case .scalar(let scalar) = node else { return wrong("text") }
        return scalar.string
    }

    /// - Parameter longest: bytes.
    package func text(longest: Int = 255) -> String? {
        guard let text = string() else { return nil }
        guard !text.isEmpty, text.utf8.count <= longest, !text.utf8.contains(where: { $0 < 32 || $0 == 127 }) else {
            return wrong("text of 1 to \(longest) bytes without control characters")
        }
        return text
    }

    package func bool() -> Bool? {
        switch string() {
        case "true": true
        case "false": false
        case nil: nil
        default: wrong("true or false")
        }
    }

    package func integer(in range: ClosedRange<Int>) -> Int? {
        guard let text = string() else { return nil }
        guard let number = Int(text), range.contains(number) else {
            return wrong("a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// `12.5%`, in hundredths of a percent.
    package func share() -> Int? {
        guard let text = string() else { return nil }
        guard text.hasSuffix("%"), let percent = Double(text.dropLast()), (0...100).contains(percent) else {
            return wrong("a share from 0% to 100%")
        }
        return Int((percent * 100).rounded())
    }

    package func port() -> UInt16? {
        guard let text = string() else { return nil }
        guard let number = UInt16(text), number > 0 else { return wrong("a port from 1 to 65535") }
        return number
    }

    /// E.g. `500ms`, `10s`, `5m`, `24h`.
    package func duration(in range: ClosedRange<Duration>) -> Duration? {
        guard let text = string() else { return nil }
        guard let duration = Duration(text), range.contains(duration) else {
            return wrong("a time from \(range.lowerBound.short) to \(range.upperBound.short), such as 500ms, 10s, 5m or 24h")
        }
        return duration
    }

    package func address() -> IPAddress? {
        guard let text = string() else { return nil }
        return IPAddress(text) ?? wrong("an IPv4 or IPv6 address")
    }

    /// `1.2.3.4:80` or `[2001:db8::1]:80`.
    package func socketAddress() -> SocketAddress? {
        guard let text = string() else { return nil }
        guard let address = SocketAddress(text), address.port > 0 else { return wrong("address:port, IPv6 addresses in brackets") }
        return address
    }

    /// `10.0.0.0/8` or `fd00::/64`; bits beyond the prefix must be zero.
    package func network() -> IPNetwork? {
        guard let text = string() else { return nil }
        return IPNetwork(text) ?? wrong("a network such as 240.64.0.0/16 or fd6d:7965:6c69::/96")
    }

    package func absolutePath() -> String? {
        guard let text = text(longest: 4096) else { return nil }
        guard text.hasPrefix("/"), !text.split(separator: "/").contains("..") else { return wrong("an absolute path without `..`") }
        return text
    }

    /// A name that is one DNS label; `_` counts as `-`.
    package func serviceName() -> ServiceName? {
        guard let text = string() else { return nil }
        return ServiceName(text) ?? wrong("a name of lower-case letters, digits and `-`, at most \(DNSLabel.maximumLength) characters")
    }

    /// Looks without reporting.
    func isWord(_ word: String) -> Bool { node.scalar?.string == word }

    /// Looks without reporting.
    var plainServiceName: ServiceName? { node.scalar.flatMap { ServiceName($0.string) } }

    package func label() -> String? {
        guard let text = string() else { return nil }
        return DNSLabel.isValid(text.utf8) ? text : wrong("a name of lower-case letters, digits and `-`")
    }

    /// Labels with dots between them.
    package func domain() -> String? {
        guard let text = string() else { return nil }
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        return text.utf8.count <= 200 && labels.allSatisfy { DNSLabel.isValid($0.utf8) } ? text : wrong("a domain such as cluster.local")
    }

    package func choice<Choice: RawRepresentable & CaseIterable>(_: Choice.Type) -> Choice? where Choice.RawValue == String {
        guard let text = string() else { return nil }
        if let choice = Choice(rawValue: text) { return choice }
        let known = Choice.allCases.map(\.rawValue)
        report(
            "is \"\(Excerpt.of(text))\", where one of \(known.joined(separator: ", ")) is expected",
            Suggestion.text(for: text, among: known))
        return nil
    }

    private func wrong<Value>(_ expected: String) -> Value? {
        report("is \(kind), where \(expected) is expected")
        return nil
    }
}

/// An address range.
package struct IPNetwork: Hashable, Sendable, CustomStringConvertible {
    package let address: IPAddress
    /// Of IPv4 networks 0–32, else 0–128.
    package let prefix: Int

    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPAddress(String(parts[0])), let prefix = Int(parts[1]) else { return nil }
        guard (0...(address.isV4 ? 32 : 128)).contains(prefix) else { return nil }
        let bits = address.isV4 ? prefix + 96 : prefix
        guard address.high & ~Self.mask(bits) == 0, address.low & ~Self.mask(bits - 64) == 0 else { return nil }
        self.address = address
        self.prefix = prefix
    }

    /// The highest `bits` of a word, 0 and 64 being the bounds.
    private static func mask(_ bits: Int) -> UInt64 { bits <= 0 ? 0 : bits >= 64 ? .max : ~(.max >> UInt64(bits)) }

    package func contains(_ other: IPAddress) -> Bool {
        let bits = address.isV4 ? prefix + 96 : prefix
        return (other.high ^ address.high) & Self.mask(bits) == 0 && (other.low ^ address.low) & Self.mask(bits - 64) == 0
    }

    package var description: String { "\(address)/\(prefix)" }
}

extension Duration {
    private static let units: [(suffix: String, milliseconds: Int64)] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)]

    /// A whole number with a unit; nil for anything else.
    package init?(_ text: String) {
        for (suffix, milliseconds) in Self.units where text.hasSuffix(suffix) {
            guard let number = Int64(text.dropLast(suffix.count)), number >= 0 else { continue }
            let (total, overflow) = number.multipliedReportingOverflow(by: milliseconds)
            if overflow { return nil }
            self = .milliseconds(total)
            return
        }
        return nil
    }

    /// As `init(_:)` reads it, in the largest unit that fits.
    package var short: String {
        let total = components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
        for (suffix, milliseconds) in Self.units.reversed() where total > 0 && total % milliseconds == 0 {
            return "\(total / milliseconds)\(suffix)"
        }
        return "\(total)ms"
    }
}
