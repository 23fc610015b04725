internal import Glibc
internal import MeshTypes

/// Writes records as lines of the access log: the JSON of `FlowEntry`, keys sorted, without making one.
///
/// A busy node writes tens of thousands of lines a second: what stays the same (a service's names, the second of the day) is kept.
struct FlowLine {
    private let names: @Sendable (ServiceID) -> ServiceIdentity?
    private let trustDomain: String
    private var services: [ServiceID: [UInt8]] = [:]
    private var second: UInt64 = .max
    private var secondText: [UInt8] = []
    private(set) var bytes: [UInt8] = []

    /// Services whose names are kept; beyond, all are forgotten once.
    private static let maximumServices = 20_000

    init(names: @escaping @Sendable (ServiceID) -> ServiceIdentity?, trustDomain: String) {
        self.names = names
        self.trustDomain = trustDomain
    }

    mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    mutating func append(_ record: FlowRecord) {
        let isRefused = record.ending == .refused
        put("{\"bytes_received\":")
        put(record.received)
        put(",\"bytes_sent\":")
        put(record.sent)
        put(",\"destination\":")
        party(record.destination, record.destinationAddress, endpoint: record.endpoint)
        put(",\"duration_ms\":")
        milliseconds(record.duration)
        put(",\"ending\":\"")
        put("\(record.ending)")
        if record.reason != .none {
            put("\",\"explanation\":\"")
            put(VisibleText.json(record.reason.explanation))
        }
        put(record.identityVerified ? "\",\"identity_verified\":true" : "\",\"identity_verified\":false")
        put(",\"path\":\"")
        put("\(record.path)")
        put("\",\"reason\":\"")
        put(record.reason.code)
        put("\"")
        if record.repeats > 0 {
            put(",\"repeats\":")
            put(UInt64(record.repeats))
        }
        put(record.reporter == .source ? ",\"reporter\":\"source\"" : ",\"reporter\":\"destination\"")
        if record.request.isPresent { request(record.request) }
        put(",\"source\":")
        party(record.source, record.sourceAddress, endpoint: nil)
        put(",\"time\":\"")
        time(record.start)
        put(record.isUDP ? "\",\"transport\":\"udp\"" : "\",\"transport\":\"tcp\"")
        put(isRefused ? ",\"verdict\":\"denied\"}\n" : ",\"verdict\":\"allowed\"}\n")
    }

    private mutating func request(_ facts: RequestFacts) {
        put(",\"request\":{\"attempts\":")
        put(UInt64(facts.attempts))
        if facts.grpcStatus != RequestFacts.noGRPCStatus {
            put(",\"grpc_status\":")
            put(UInt64(facts.grpcStatus))
        }
        put(",\"method\":\"")
        put(facts.method.name)
        put("\",\"path\":\"")
        put(VisibleText.json(facts.path))
        put("\",\"protocol\":\"")
        put(facts.protocolName)
        if !facts.identifier.isEmpty {
            put("\",\"request_id\":\"")
            put(VisibleText.json(facts.identifier.text))
        }
        put(facts.isShadow ? "\",\"shadow\":true,\"status\":" : "\",\"status\":")
        put(UInt64(facts.status))
        if facts.traceHigh | facts.traceLow != 0 {
            put(",\"trace_id\":\"")
            hexadecimal(facts.traceHigh)
            hexadecimal(facts.traceLow)
            put("\"")
        }
        put("}")
    }

    private mutating func party(_ service: ServiceID, _ address: SocketAddress, endpoint: SocketAddress?) {
        put("{")
        var separator = ""
        if address.port != 0 || address.ip != .v4Any {
            put("\"address\":\"")
            put(address.description)
            put("\"")
            separator = ","
        }
        if let endpoint, endpoint.port != 0 {
            put(separator + "\"endpoint\":\"")
            put(endpoint.description)
            put("\"")
            separator = ","
        }
        let text = names(of: service)
        if !text.isEmpty {
            put(separator)
            bytes.append(contentsOf: text)
        }
        put("}")
    }

    /// The members that name a service; empty for one that is not known.
    private mutating func names(of service: ServiceID) -> [UInt8] {
        if let known = services[service] { return known }
        guard let identity = names(service) else { return [] }
        let spiffe = SPIFFEID(trustDomain: trustDomain, service: identity).description
        let text =
            "\"namespace\":\"\(VisibleText.json(identity.namespace))\",\"service\":\"\(identity.name)\",\"spiffe\":\"\(VisibleText.json(spiffe))\""
        if services.count >= Self.maximumServices { services = [:] }
        services[service] = Array(text.utf8)
        return Array(text.utf8)
    }

    /// RFC 3339 in UTC, with milliseconds.
    private mutating func time(_ nanoseconds: UInt64) {
        if nanoseconds / 1_000_000_000 != second {
            second = nanoseconds / 1_000_000_000
            secondText = Array(Timestamp.text(seconds: second).utf8)
        }
        bytes.append(contentsOf: secondText)
        put(".")
        digits(nanoseconds / 1_000_000 % 1000, width: 3)
        put("Z")
    }

    /// Thousandths of a millisecond are the smallest that is written.
    private mutating func milliseconds(_ nanoseconds: UInt64) {
        let microseconds = (nanoseconds + 500) / 1000
        put(microseconds / 1000)
        guard microseconds % 1000 != 0 else { return }
        put(".")
        digits(microseconds % 1000, width: 3)
        while bytes.last == UInt8(ascii: "0") { bytes.removeLast() }
    }

    private mutating func digits(_ number: UInt64, width: Int) {
        var divisor: UInt64 = 1
        for _ in 1..<width { divisor *= 10 }
        while divisor > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(number / divisor % 10))
            divisor /= 10
        }
    }

    private mutating func hexadecimal(_ number: UInt64) {
        for shift in stride(from: 60 as UInt64, through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: number >> shift & 15)
            bytes.append(digit < 10 ? 48 + digit : 87 + digit)
        }
    }

    private mutating func put(_ number: UInt64) {
        var width = 1
        var rest = number / 10
        while rest > 0 {
            width += 1
            rest /= 10
        }
        digits(number, width: width)
    }

    private mutating func put(_ text: String) { bytes.append(contentsOf: text.utf8) }
}

/// Points in time as the access log writes them.
enum Timestamp {
    /// `2026-01-31T23:59:59`, UTC.
    static func text(seconds: UInt64) -> String {
        var time = time_t(clamping: seconds)
        var parts = tm()
        gmtime_r(&time, &parts)
        let day = "\(digits(parts.tm_year + 1900, 4))-\(digits(parts.tm_mon + 1, 2))-\(digits(parts.tm_mday, 2))"
        return "\(day)T\(digits(parts.tm_hour, 2)):\(digits(parts.tm_min, 2)):\(digits(parts.tm_sec, 2))"
    }

    static func digits(_ number: some BinaryInteger, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
