internal import MeshTypes

/// The `forwarded` header (RFC 7239 §4): read leniently, because it decides nothing; written in the quoted form (§6).
enum Forwarded {
    /// The `for` and `by` of the first element; nil where absent, obfuscated or unreadable. A port that is missing is 0.
    static func parse(_ text: UnsafeRawBufferPointer) -> (client: SocketAddress?, proxy: SocketAddress?) {
        var client: SocketAddress?
        var proxy: SocketAddress?
        let first = text[..<(text.firstIndex(of: UInt8(ascii: ",")) ?? text.endIndex)]
        for pair in first.split(separator: UInt8(ascii: ";")) {
            guard let equals = pair.firstIndex(of: UInt8(ascii: "=")) else { continue }
            let name = String(decoding: pair[..<equals], as: UTF8.self).trimmingSpaces().lowercased()
            let value = String(decoding: pair[(equals + 1)...], as: UTF8.self).trimmingSpaces()
            switch name {
            case "for": client = address(value)
            case "by": proxy = address(value)
            default: break
            }
        }
        return (client, proxy)
    }

    private static func address(_ text: Substring) -> SocketAddress? {
        var text = text
        if text.hasPrefix("\""), text.hasSuffix("\""), text.utf8.count >= 2 { text = text.dropFirst().dropLast() }
        if let whole = SocketAddress(text) { return whole }
        if text.hasPrefix("["), text.hasSuffix("]") { text = text.dropFirst().dropLast() }
        return IPAddress(String(text)).map { SocketAddress(ip: $0, port: 0) }
    }

    /// `for="1.2.3.4:80";by="[2001:db8::1]:15008"`: a colon makes the quotes necessary.
    static func write(client: SocketAddress?, proxy: SocketAddress?, to line: inout HeaderLine) {
        if let client {
            line.append("for=\"")
            line.append(client.description)
            line.append("\"")
        }
        if let proxy {
            if client != nil { line.append(";") }
            line.append("by=\"")
            line.append(proxy.description)
            line.append("\"")
        }
    }
}

/// The W3C `baggage` header with the keys by which Istio names a workload.
enum Baggage {
    static func parse(_ text: UnsafeRawBufferPointer) -> ServiceIdentity? {
        var namespace: Substring?
        var service: Substring?
        for member in String(decoding: text, as: UTF8.self).split(separator: ",") {
            let pair = member.prefix { $0 != ";" }
            guard let equals = pair.firstIndex(of: "=") else { continue }
            let value = String(pair[pair.index(after: equals)...]).trimmingSpaces()
            switch String(pair[..<equals]).trimmingSpaces() {
            case "k8s.namespace.name": namespace = value
            case "service.name": service = value
            default: break
            }
        }
        guard let namespace, DNSLabel.isValid(namespace.utf8), let service, let name = ServiceName(service) else { return nil }
        return ServiceIdentity(namespace: String(namespace), name: name)
    }

    static func write(_ source: ServiceIdentity, to line: inout HeaderLine) {
        line.append("k8s.namespace.name=")
        line.append(source.namespace)
        line.append(",k8s.deployment.name=")
        line.append(source.name.label)
        line.append(",service.name=")
        line.append(source.name.label)
    }
}

extension String {
    fileprivate func trimmingSpaces() -> Substring {
        var text = self[...]
        while text.first == " " || text.first == "\t" { text.removeFirst() }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return text
    }
}
