internal import COpenSSL
internal import MeshTypes

/// A reference to a certificate that OpenSSL has parsed.
struct ParsedCertificate: ~Copyable {
    /// Larger certificates are not of this mesh.
    static let maximumBytes = 16 << 10

    let pointer: OpaquePointer

    /// - Throws: `noCertificate` unless `der` is exactly one certificate.
    init(der: [UInt8]) throws(TLSFailure) {
        guard der.count <= Self.maximumBytes else {
            throw TLSFailure(.noCertificate, "a certificate of \(der.count) bytes is larger than \(Self.maximumBytes)")
        }
        let parsed: (OpaquePointer?, Int) = der.withUnsafeBufferPointer { buffer in
            var next = buffer.baseAddress
            let pointer = d2i_X509(nil, &next, buffer.count)
            return (pointer, buffer.baseAddress.map { next! - $0 } ?? 0)
        }
        guard let certificate = parsed.0, parsed.1 == der.count else {
            let why = parsed.0 == nil ? ErrorQueue.takeText() : "\(der.count - parsed.1) bytes follow it"
            X509_free(parsed.0)
            throw TLSFailure(.noCertificate, "not a certificate: \(why)")
        }
        pointer = certificate
    }

    deinit { X509_free(pointer) }

    var isAuthority: Bool { X509_check_ca(pointer) == 1 }
    /// Upper-case hexadecimal.
    var serial: String { Self.serial(of: pointer) }

    /// - Parameter certificate: an `X509`.
    static func serial(of certificate: OpaquePointer) -> String {
        guard let number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nil) else { return "" }
        defer { BN_free(number) }
        guard let text = BN_bn2hex(number) else { return "" }
        defer { copenssl_free(text) }
        return String(cString: text)
    }
    var subject: String { CertificateName.text(X509_get_subject_name(pointer)) }
}

/// Distinguished names as `CN=wallet`.
enum CertificateName {
    private static let maximumBytes = 256

    static func text(_ name: OpaquePointer?) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: maximumBytes) { buffer in
            guard let name, X509_NAME_oneline(name, buffer.baseAddress, Int32(buffer.count)) != nil else { return "an unreadable name" }
            let text = String(cString: buffer.baseAddress!)
            return text.hasPrefix("/") ? String(text.dropFirst()) : text.isEmpty ? "a nameless one" : text
        }
    }
}
