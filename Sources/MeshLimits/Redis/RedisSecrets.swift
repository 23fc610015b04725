internal import Foundation
internal import NIOSSL

/// What a connection needs from files, read anew each time.
struct RedisSecrets {
    struct Failure: Error {
        let text: String
    }

    /// Bytes of a password.
    private static let longestPassword = 4096

    var password: String?
    var tls: NIOSSLContext?

    init(_ options: RedisOptions) throws(Failure) {
        if let file = options.passwordFile { password = try Self.password(file) }
        guard options.usesTLS else { return }
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if let file = options.authorityFile { configuration.trustRoots = .file(file) }
        do { tls = try NIOSSLContext(configuration: configuration) } catch {
            throw Failure(text: "\(options.authorityFile ?? "the system's list of authorities") cannot be used: \(error)")
        }
    }

    /// One line.
    private static func password(_ file: String) throws(Failure) -> String {
        guard let handle = FileHandle(forReadingAtPath: file), let bytes = try? handle.read(upToCount: longestPassword + 1) else {
            throw Failure(text: "\(file) cannot be read")
        }
        let text = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .newlines)
        guard !text.isEmpty, bytes.count <= longestPassword, !text.contains("\n") else {
            throw Failure(text: "\(file) holds no password of one line")
        }
        return text
    }
}
