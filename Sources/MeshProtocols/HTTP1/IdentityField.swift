/// Fields that tell a service who called it. Whoever may write them may borrow an identity, so a workload's own never reach a service: the mesh
/// takes them out, and writes `x-forwarded-client-cert` itself where a service's policy asks for it.
///
/// Names are compared as the loosest server reads them: in any case, and with one character for all that are neither letters nor digits, since
/// servers that follow CGI (RFC 3875 §4.1.18) give `x_forwarded_for` and `x-forwarded-for` to programs under one name.
enum IdentityField {
    /// The peer of a connection: its certificate, or what other meshes and proxies write of it.
    static func speaksOfPeer(_ bytes: Span<UInt8>, _ name: ByteRange) -> Bool {
        func has(_ prefix: StaticString) -> Bool { bytes.foldedName(at: name, hasPrefix: prefix) }
        func equals(_ text: StaticString) -> Bool { name.count == text.utf8CodeUnitCount && has(text) }
        switch bytes.folded(name, 0) {
        // RFC 9440.
        case UInt8(ascii: "c"): return equals("client-cert") || equals("client-cert-chain")
        case UInt8(ascii: "l"): return has("l5d-")
        case UInt8(ascii: "s"): return has("ssl-client-") || equals("spiffe-id")
        case UInt8(ascii: "x"): break
        default: return false
        }
        switch bytes.folded(name, 2) {
        case UInt8(ascii: "a"): return has("x-amzn-mtls-") || equals("x-arr-clientcert")
        case UInt8(ascii: "c"): return has("x-client-cert") || equals("x-client-spiffe-id")
        case UInt8(ascii: "e"):
            return has("x-envoy-peer-metadata") || has("x-envoy-downstream-service-") || equals("x-envoy-internal")
        case UInt8(ascii: "f"): return has("x-forwarded-client-cert") || has("x-forwarded-tls-client-cert")
        case UInt8(ascii: "i"): return equals("x-istio-attributes")
        case UInt8(ascii: "m"): return has("x-myelin-")
        case UInt8(ascii: "p"): return equals("x-peer-spiffe-id")
        case UInt8(ascii: "s"): return has("x-ssl-client-") || equals("x-spiffe-id")
        case UInt8(ascii: "t"): return has("x-tls-client-")
        default: return false
        }
    }

    /// The address of a client that somebody before the caller saw (RFC 7239, and what was in use before it).
    static func speaksOfClient(_ bytes: Span<UInt8>, _ name: ByteRange) -> Bool {
        func equals(_ text: StaticString) -> Bool {
            name.count == text.utf8CodeUnitCount && bytes.foldedName(at: name, hasPrefix: text)
        }
        switch bytes.folded(name, 0) {
        case UInt8(ascii: "c"): return equals("cf-connecting-ip")
        case UInt8(ascii: "f"): return equals("forwarded") || equals("forwarded-for")
        case UInt8(ascii: "t"): return equals("true-client-ip")
        case UInt8(ascii: "x"): break
        default: return false
        }
        switch bytes.folded(name, 2) {
        case UInt8(ascii: "c"): return equals("x-client-ip") || equals("x-cluster-client-ip")
        case UInt8(ascii: "e"): return equals("x-envoy-external-address")
        case UInt8(ascii: "f"): return equals("x-forwarded") || equals("x-forwarded-for")
        case UInt8(ascii: "o"): return equals("x-original-forwarded-for") || equals("x-originating-ip")
        case UInt8(ascii: "r"): return equals("x-real-ip") || equals("x-remote-ip") || equals("x-remote-addr")
        default: return false
        }
    }
}

extension FieldKind {
    /// The kind of a field that a policy names.
    package init(name: String) {
        let bytes = Array(name.utf8)
        self = bytes.withUnsafeBytes { FieldKind(Span<UInt8>(_unsafeBytes: $0), ByteRange(0, $0.count)) }
    }
}

extension Span<UInt8> {
    /// A letter in lower case, a digit, or `-` for everything else; 0 beyond the name's end.
    @inline(__always)
    fileprivate func folded(_ name: ByteRange, _ offset: Int) -> UInt8 {
        guard offset < Int(name.count) else { return 0 }
        let byte = self[Int(name.start) + offset]
        return ByteClass.isAlphanumeric(byte) ? ByteClass.lowered(byte) : UInt8(ascii: "-")
    }

    fileprivate func foldedName(at name: ByteRange, hasPrefix prefix: StaticString) -> Bool {
        guard Int(name.count) >= prefix.utf8CodeUnitCount else { return false }
        for offset in 0..<prefix.utf8CodeUnitCount where folded(name, offset) != prefix.utf8Start[offset] { return false }
        return true
    }
}
