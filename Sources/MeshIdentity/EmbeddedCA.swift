internal import Crypto
package import Foundation
internal import MeshSystem
package import MeshTLS
package import MeshTypes
internal import Synchronization
internal import X509

/// The certificate authority inside the daemon (R1.5): signs with a root of its own, or with an intermediate that another authority issued.
///
/// Its directory is private. It holds the root (see `RootFiles`), what was issued and revoked, and tokens for nodes that join. Files that
/// change are read anew; while they cannot be used, what was read last stays in force.
package final class EmbeddedCA: CertificateAuthority {
    package static let minimumLifetime = Duration.seconds(60)

    package let trustDomain: String
    package let directory: String
    /// Whose services it signs for when it is asked in this process; empty: unknown.
    package let node: String
    private let source: AuthoritySource
    private let loaded: Mutex<Loaded>
    /// Certificates are recorded one at a time: the directory's lock tells processes apart, not tasks.
    private let recording = Mutex(())

    private struct Loaded: Sendable {
        var material: IssuingMaterial
        var revocations: KnownRevocations
        var trust: AuthorityTrust
        var stamps: FileStamps
        var failure: AuthorityFailure?
        var compacted = 0
    }

    /// Reads the authority, or makes it on first use. Two daemons that open it at once share one.
    package static func open(
        directory: String, trustDomain: String, node: String = "", source: AuthoritySource = .root, now: Date = Date()
    ) throws(AuthorityFailure) -> EmbeddedCA {
        guard SPIFFEID.isTrustDomain(trustDomain) else {
            throw AuthorityFailure(
                .request, "\"\(trustDomain)\" is not a trust domain",
                advice: "use lower-case letters, digits, dots and dashes, such as daarion.city")
        }
        return EmbeddedCA(directory, trustDomain, node, source, try load(directory, trustDomain, source, now))
    }

    private init(_ directory: String, _ trustDomain: String, _ node: String, _ source: AuthoritySource, _ loaded: Loaded) {
        self.directory = directory
        self.trustDomain = trustDomain
        self.node = node
        self.source = source
        self.loaded = Mutex(loaded)
    }

    /// DER of the certificate that signs.
    package var issuerDER: [UInt8] { loaded.withLock { $0.material.issuerDER } }
    /// The root of what is issued, DER.
    package var rootDER: [UInt8] { loaded.withLock { $0.material.rootsDER[0] } }
    /// When the issuer, or one above it, ends.
    package var rootNotAfter: Date { loaded.withLock { $0.material.notAfter } }
    /// Why the files that were changed last are not in force.
    package var problem: AuthorityFailure? { loaded.withLock { $0.failure } }

    package func trustedRoots() async throws(AuthorityFailure) -> [[UInt8]] { try trust().roots }

    package func revocations() async throws(AuthorityFailure) -> RevokedSerials { try trust().revoked }

    /// What it distributes now.
    package func trust() throws(AuthorityFailure) -> AuthorityTrust {
        refresh()
        let state = loaded.withLock { $0 }
        if let failure = state.failure { throw failure }
        return state.trust
    }

    /// What its own orders have revoked, for other authorities under its root.
    package func notice() throws(AuthorityFailure) -> RevocationNotice {
        _ = try trust()
        return RevocationNotice(loaded.withLock { $0.revocations.own })
    }

    package func isRevoked(node: String) -> Bool {
        refresh()
        return loaded.withLock { $0.revocations.isRevoked(node: node) }
    }

    /// Also true for one whose node may join again: it needs a new certificate.
    package func isRevoked(serial: String) -> Bool {
        refresh()
        return loaded.withLock { $0.trust.revoked.contains(serial) }
    }

    package func issue(
        for identity: SPIFFEID, requestDER: [UInt8], lifetime: Duration, now: Date
    ) async throws(AuthorityFailure) -> IssuedCertificate {
        let request = try CertificateRequest(der: requestDER)
        return try issue(.service(identity), publicKeyDER: request.publicKeyDER, lifetime: lifetime, now: now, to: node)
    }

    /// For a caller that holds the key, or has seen the proof that somebody does.
    package func issue(
        for identity: SPIFFEID, publicKeyDER: [UInt8], lifetime: Duration, now: Date
    ) async throws(AuthorityFailure) -> IssuedCertificate {
        try issue(.service(identity), publicKeyDER: publicKeyDER, lifetime: lifetime, now: now, to: node)
    }

    /// - Parameter node: whom the certificate is handed to; one that was revoked gets none.
    package func issue(
        _ subject: CertificateSubject, publicKeyDER: [UInt8], lifetime: Duration, now: Date, to node: String
    ) throws(AuthorityFailure) -> IssuedCertificate {
        guard subject.trustDomain == trustDomain else {
            throw AuthorityFailure(
                .request, "\(subject.uri) is not of trust domain \(trustDomain)", advice: "ask its own authority")
        }
        guard lifetime >= Self.minimumLifetime else {
            throw AuthorityFailure(.request, "a lifetime of \(lifetime) is too short", advice: "use at least \(Self.minimumLifetime)")
        }
        guard !isRevoked(node: node) else {
            throw AuthorityFailure(
                .revoked, "the node \(node) was revoked", advice: "find out why; `myelind ca restore --node \(node)` lets it join again")
        }
        let material = loaded.withLock { $0.material }
        guard now < material.notAfter else {
            throw AuthorityFailure(
                .validity, "the authority's certificate expired at \(material.notAfter)", advice: "begin a new authority")
        }
        guard let publicKey = try? P256.Signing.PublicKey(derRepresentation: publicKeyDER) else {
            throw AuthorityFailure(.request, "the key for \(subject.uri) is not a P-256 key", advice: "ask with a P-256 key")
        }
        let notBefore = max(now.addingTimeInterval(-CertificateProfile.backdating), material.notBefore)
        let notAfter = min(now.addingTimeInterval(lifetime.inSeconds), material.notAfter)
        let leaf: Certificate
        let der: [UInt8]
        do {
            leaf = try CertificateProfile.leaf(
                subject, publicKey: publicKey, notBefore: notBefore, notAfter: notAfter, issuer: material.issuer, key: material.key)
            der = try CertificateProfile.der(leaf)
        } catch {
            throw AuthorityFailure(.request, "cannot sign for \(subject.uri): \(error)", advice: "report it: the request looked right")
        }
        try record(leaf, subject, node, now)
        return IssuedCertificate(
            chainDER: [der] + material.chainDER, notBefore: leaf.notValidBefore, notAfter: leaf.notValidAfter)
    }

    /// What was not recorded could not be revoked by service or node: it is not handed over.
    private func record(_ leaf: Certificate, _ subject: CertificateSubject, _ node: String, _ now: Date) throws(AuthorityFailure) {
        let entry = IssuedRecord(
            serial: CertificateProfile.serial(of: leaf), subject: subject.uri, node: node,
            notAfter: Int64(leaf.notValidAfter.timeIntervalSince1970.rounded(.up)))
        try recording.withLock { _ throws(AuthorityFailure) in
            let files = try AuthorityDirectory(directory)
            let before = loaded.withLock { $0.compacted }
            let after = try IssuedJournal.append(entry, in: files, compacted: before, now: now)
            loaded.withLock { $0.compacted = after }
        }
    }

    /// Writes `crl.pem`, for programs outside the mesh.
    package func writeRevocationList(now: Date = Date()) throws(AuthorityFailure) {
        refresh()
        let (material, record) = loaded.withLock { ($0.material, $0.revocations) }
        let files = try AuthorityDirectory(directory)
        try RevocationList.write(record.own, issuerDER: material.issuerDER, keyPEM: material.keyPEM, in: files, now: now)
    }

    /// Reads what has changed.
    private func refresh() {
        let stamps = FileStamps(Self.watched(directory, source))
        guard loaded.withLock({ $0.stamps != stamps }) else { return }
        do throws(AuthorityFailure) {
            var fresh = try Self.load(directory, trustDomain, source, Date())
            loaded.withLock {
                fresh.compacted = $0.compacted
                $0 = fresh
            }
        } catch {
            // What is wrong with the files is looked at again when they change; what is wrong with the disk, the next time.
            loaded.withLock {
                $0.failure = error
                if error.code != .storage { $0.stamps = stamps }
            }
        }
    }

    private static func watched(_ directory: String, _ source: AuthoritySource) -> [String] {
        let own =
            switch source {
            case .root: RootFiles.all.map { "\(directory)/\($0)" }
            case .intermediate(let certificate, let key, let roots): [certificate, key, roots]
            }
        return own + ["\(directory)/\(RevocationRecord.file)", "\(directory)/\(PeerNotices.folder)"]
    }

    private static func load(
        _ directory: String, _ trustDomain: String, _ source: AuthoritySource, _ now: Date
    ) throws(AuthorityFailure) -> Loaded {
        let files = try AuthorityDirectory(directory)
        // Taken before the files are read: a change meanwhile is seen the next time.
        var stamps = FileStamps(watched(directory, source))
        let material: IssuingMaterial
        switch source {
        case .root:
            material = try RootFiles.load(in: files, trustDomain: trustDomain, now: now)
            // It may just have made them, and the lock says that nobody else has.
            stamps = FileStamps(watched(directory, source))
        case .intermediate(let certificate, let key, let roots):
            material = try IntermediateFiles.load(certificate: certificate, key: key, roots: roots, trustDomain: trustDomain, now: now)
        }
        let revocations = try KnownRevocations.read(in: directory)
        return Loaded(
            material: material, revocations: revocations,
            trust: AuthorityTrust(roots: material.rootsDER, revoked: revocations.serials), stamps: stamps)
    }
}
