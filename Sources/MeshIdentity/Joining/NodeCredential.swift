internal import Crypto
package import Foundation
internal import MeshTLS
package import MeshTypes
internal import X509

/// What a node shows its authority: a key, and a certificate that names the node.
///
/// The one key of the mesh that lies on a node's disk, readable by the daemon alone: with it a restarted node needs no new token. It opens
/// no connection to a service, and keys of services never lie there.
package struct NodeCredential: Sendable {
    package let identity: NodeIdentity
    package let chainDER: [[UInt8]]
    package let keyPEM: String
    package let serial: String
    package let notBefore: Date
    package let notAfter: Date

    /// - Throws: `damaged` unless the parts fit each other.
    package init(identity: NodeIdentity, chainDER: [[UInt8]], keyPEM: String) throws(AuthorityFailure) {
        guard let first = chainDER.first, let leaf = try? ChainCheck.read(first), leaf.uri == identity.description,
            let key = try? P256.Signing.PrivateKey(pemRepresentation: keyPEM), let parsed = try? Certificate(derEncoded: first),
            parsed.publicKey == Certificate.PublicKey(key.publicKey)
        else {
            throw AuthorityFailure(
                .damaged, "the node's certificate is not one of \(identity), or not of its key", advice: "join anew with a token")
        }
        self.identity = identity
        self.chainDER = chainDER
        self.keyPEM = keyPEM
        serial = leaf.serial
        notBefore = Date(timeIntervalSince1970: TimeInterval(leaf.notBefore))
        notAfter = Date(timeIntervalSince1970: TimeInterval(leaf.notAfter))
    }

    /// A new key, and the request for a certificate of it.
    package static func newRequest() throws(AuthorityFailure) -> (keyPEM: String, requestDER: [UInt8]) {
        let key = P256.Signing.PrivateKey()
        do { return (key.pemRepresentation, try CertificateRequest.make(for: key)) } catch {
            throw AuthorityFailure(.request, "no certificate request could be made: \(error)", advice: "report it")
        }
    }
}

/// `authority` in the state directory of a node that asks an authority elsewhere: its key, its certificate, and whom it trusts.
package struct NodeCredentialFiles: Sendable {
    private static let credentialFile = "node.pem"
    private static let rootsFile = "roots.pem"
    private static let tokenFile = "joined-with"

    package let directory: String

    package init(directory: String) { self.directory = directory }

    /// nil if there is none of `identity`.
    package func read(_ identity: NodeIdentity) throws(AuthorityFailure) -> (credential: NodeCredential, roots: [[UInt8]])? {
        let path = "\(directory)/\(Self.credentialFile)"
        guard let bytes = try PrivateFile.read(path, secret: true), let roots = try PrivateFile.read(rootsPath, secret: false) else {
            return nil
        }
        let text = String(decoding: bytes, as: UTF8.self)
        guard let mark = text.range(of: "-----BEGIN CERTIFICATE-----") else { return nil }
        let chain = try PEMFile.certificates(Array(text[mark.lowerBound...].utf8), path: path)
        guard let leaf = chain.first, let found = try? ChainCheck.read(leaf), found.uri == identity.description else { return nil }
        return (
            try NodeCredential(identity: identity, chainDER: chain, keyPEM: String(text[..<mark.lowerBound])),
            try PEMFile.certificates(roots, path: rootsPath)
        )
    }

    /// Key and certificate in one file: they are replaced together or not at all.
    package func write(_ credential: NodeCredential) throws(AuthorityFailure) {
        let files = try AuthorityDirectory(directory)
        let key = credential.keyPEM.trimmingCharacters(in: .whitespacesAndNewlines) + "\n"
        try files.write(Self.credentialFile, Array((key + (try PEMFile.text(credential.chainDER))).utf8), mode: 0o600)
    }

    package func write(roots: [[UInt8]]) throws(AuthorityFailure) {
        let files = try AuthorityDirectory(directory)
        try files.write(Self.rootsFile, Array(try PEMFile.text(roots).utf8), mode: 0o644)
    }

    /// The token that the node joined with last, by its public part: another one in the token file makes it join anew.
    package func usedToken() -> String? {
        guard let bytes = try? PrivateFile.read("\(directory)/\(Self.tokenFile)", secret: false) else { return nil }
        return String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    package func write(usedToken id: String) throws(AuthorityFailure) {
        let files = try AuthorityDirectory(directory)
        try files.write(Self.tokenFile, Array((id + "\n").utf8), mode: 0o644)
    }

    private var rootsPath: String { "\(directory)/\(Self.rootsFile)" }
}
