/// Which requests an HTTP run sends, and when.
struct RequestPlan: Sendable {
    let target: Target
    /// Of the Host field.
    let host: String
    let method: String
    let path: String
    let fields: [(name: String, value: String)]
    let body: [UInt8]
    /// What the `x-payment-id` of each request begins with; nil: none has one.
    let idPrefix: String?
    let total: Int
    /// Nanoseconds from one request's start to the next one's.
    let interval: Double
    let connections: Int
    let timeoutNanoseconds: UInt64

    /// Nanoseconds from the run's start to that of request `number`, whatever has become of those before.
    func due(_ number: Int) -> UInt64 { UInt64(Double(number) * interval) }

    func bytes(_ number: Int) -> [UInt8] {
        var head = "\(method) \(path) HTTP/1.1\r\nhost: \(host)\r\n"
        for field in fields { head += "\(field.name): \(field.value)\r\n" }
        if let idPrefix { head += "x-payment-id: \(idPrefix)-\(number)\r\n" }
        if !body.isEmpty || method == "POST" || method == "PUT" || method == "PATCH" { head += "content-length: \(body.count)\r\n" }
        return Array((head + "\r\n").utf8) + body
    }
}
