internal import MeshProtocols

/// What a policy changes in the fields of a head: some are taken out, some are put in. Prepared as bytes, so that applying it makes no strings.
package struct HeaderChanges: Hashable, Sendable {
    /// Fields of one change.
    package static let maximumFields = 32
    /// Bytes of a name, and of a value.
    package static let longestName = 64
    package static let longestValue = 512

    /// A byte with the count of names to take out; each name in lower case behind a byte with its length; then the lines that are put in.
    package let encoded: [UInt8]

    package static let none = HeaderChanges()

    /// - Parameters:
    ///   - set: put in in the place of all fields of the name.
    ///   - add: put in beside them.
    ///   - remove: taken out.
    /// - Precondition: within the bounds above; names are tokens in lower case, values are those of fields.
    package init(set: [(name: String, value: String)] = [], add: [(name: String, value: String)] = [], remove: [String] = []) {
        let dropped = set.map(\.name) + remove
        precondition(dropped.count + add.count <= Self.maximumFields)
        guard !dropped.isEmpty || !add.isEmpty else {
            encoded = []
            return
        }
        var bytes = [UInt8(dropped.count)]
        for name in dropped { bytes += [UInt8(name.utf8.count)] + Array(name.utf8) }
        for (name, value) in set + add { bytes += Array("\(name): \(value)\r\n".utf8) }
        encoded = bytes
    }

    package var isEmpty: Bool { encoded.isEmpty }

    /// Why a policy may not touch a field; nil when it may. What frames or addresses a message, or is the mesh's own, is not a policy's to change.
    ///
    /// - Parameter name: in lower case.
    package static func refusal(of name: String) -> (message: String, suggestion: String)? {
        guard !name.isEmpty, name.utf8.count <= longestName, name.utf8.allSatisfy(ByteClass.isToken) else {
            return ("is no name of a field", "write letters, digits and `-`, at most \(longestName) of them")
        }
        if name == "host" { return ("host addresses the request", "write `rewrite: {host: …}`") }
        if framing.contains(name) { return ("\(name) frames the message or belongs to one connection", "leave it out") }
        if own.contains(name) || name.hasPrefix("x-myelin-") { return ("\(name) is the mesh's own field", "leave it out") }
        switch FieldKind(name: name) {
        case .clientCertificate, .peerIdentity:
            return ("\(name) says who calls, which the mesh alone may", "leave it out; `identity_header: xfcc` tells the service")
        default: return nil
        }
    }

    package static func isValue(_ value: String) -> Bool {
        (1...longestValue).contains(value.utf8.count) && value.utf8.allSatisfy(ByteClass.isFieldValue) && value.first != " "
            && value.last != " "
    }

    private static let framing: Set<String> = [
        "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade", "http2-settings",
        "expect",
    ]
    private static let own: Set<String> = ["traceparent", "x-request-id", "grpc-timeout", "grpc-status", "grpc-message"]
}

/// `HeaderChanges.encoded`, wherever it is kept. No bytes change nothing.
package struct EncodedHeaderChanges: BitwiseCopyable {
    package static var none: EncodedHeaderChanges { EncodedHeaderChanges(UnsafeRawBufferPointer(start: nil, count: 0)) }

    private let names: UnsafeRawBufferPointer
    /// The lines to put in, each with its end.
    package let lines: UnsafeRawBufferPointer

    package init(_ bytes: UnsafeRawBufferPointer) {
        var end = min(1, bytes.count)
        for _ in 0..<(bytes.first ?? 0) { end += 1 + Int(bytes[end]) }
        names = UnsafeRawBufferPointer(rebasing: bytes[min(1, bytes.count)..<end])
        lines = UnsafeRawBufferPointer(rebasing: bytes[end...])
    }

    /// Whether a field that came is taken out.
    package func drop(_ name: UnsafeRawBufferPointer) -> Bool {
        var start = 0
        while start < names.count {
            let end = start + 1 + Int(names[start])
            if end - start - 1 == name.count, (0..<name.count).allSatisfy({ ByteClass.lowered(name[$0]) == names[start + 1 + $0] }) {
                return true
            }
            start = end
        }
        return false
    }
}
