internal import Foundation
internal import NIOCore
internal import NIOSSL

/// How stores are spoken to: what the operator's files hold, read anew for each connection.
package struct StoreAccess: Sendable {
    /// Bytes of a password or token.
    private static let longestSecret = 4096
    /// How long the store's goodbye is waited for: every answer has its length, so that it says nothing.
    private static let goodbye = TimeAmount.milliseconds(100)

    /// Authorities for the servers' certificates; nil: those of the system.
    package var authorityFile: String?
    /// PEM of this node's own certificate for the store, and of its key.
    package var certificateFile: String?
    package var keyFile: String?

    package init(authorityFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil) {
        self.authorityFile = authorityFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
    }

    func tls() throws(StoreError) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.shutdownTimeout = Self.goodbye
        if let file = authorityFile {
            do { configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(file)) } catch {
                throw .file("\(file) holds no certificates: \(error)")
            }
        } else {
            do { _ = try NIOSSLContext(configuration: configuration) } catch {
                throw .file("without `ca_file` the system's authorities count (package ca-certificates); they cannot be used: \(error)")
            }
        }
        guard let certificateFile, let keyFile else { return configuration }
        do {
            configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(certificateFile).map { .certificate($0) }
        } catch { throw .file("\(certificateFile) holds no certificates: \(error)") }
        do {
            configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: keyFile, format: .pem))
        } catch { throw .file("\(keyFile) holds no private key: \(error)") }
        return configuration
    }

    /// One line.
    static func secret(_ file: String) throws(StoreError) -> String {
        guard let handle = FileHandle(forReadingAtPath: file), let bytes = try? handle.read(upToCount: longestSecret + 1) else {
            throw .file("\(file) cannot be read")
        }
        let text = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .newlines)
        guard !text.isEmpty, bytes.count <= longestSecret, !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) else {
            throw .file("\(file) holds no secret of one line")
        }
        return text
    }
}
