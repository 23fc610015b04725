package import Foundation
package import MeshTypes

/// What an operator takes back: by the command line on the authority's directory, whether a daemon runs on it or not.
package struct RevocationOrder: Sendable {
    package enum Target: Sendable, Equatable {
        /// One certificate, by hexadecimal serial.
        case serial(String)
        /// Every certificate of the service that was issued until now. Its nodes get new ones by themselves.
        case service(ServiceIdentity)
        /// A node: its own certificate, every certificate that it asked for, and all that it may ask for until it is restored.
        case node(String)
        /// What nodes got from this authority; the nodes themselves are revoked by another one under its root.
        case issued(nodes: Set<String>)
    }

    package let target: Target
    package let reason: RevocationReason

    package init(_ target: Target, reason: RevocationReason) {
        self.target = target
        self.reason = reason
    }

    /// - Returns: how many certificates were revoked.
    package func apply(directory: String, trustDomain: String, now: Date = Date()) throws(AuthorityFailure) -> Int {
        let files = try AuthorityDirectory(directory)
        var record = try RevocationRecord.read(in: directory)
        record.dropEnded(now)
        let issued = try IssuedJournal.read(in: files).filter { $0.notAfter > Int64(now.timeIntervalSince1970) }
        let found = try matches(issued, trustDomain: trustDomain)
        let known = Set(record.certificates.map(\.serial))
        let seconds = Int64(now.timeIntervalSince1970)
        for certificate in found where !known.contains(certificate.serial) {
            record.certificates.append(
                RevocationRecord.Certificate(
                    serial: certificate.serial, subject: certificate.subject, node: certificate.node, reason: reason, revokedAt: seconds,
                    notAfter: certificate.notAfter == .max ? nil : certificate.notAfter))
        }
        if case .node(let name) = target, !record.isRevoked(node: name) {
            record.nodes.append(RevocationRecord.Node(name: name, reason: reason, revokedAt: seconds))
        }
        guard record.certificates.count <= RevocationRecord.maximumCertificates, record.nodes.count <= RevocationRecord.maximumNodes else {
            throw AuthorityFailure(
                .full, "more than \(RevocationRecord.maximumCertificates) certificates would be revoked at a time",
                advice: "change the root instead: `myelind ca rotate`")
        }
        try record.write(in: files)
        return found.count
    }

    /// Lets a revoked node join again; its old certificates stay revoked.
    /// - Returns: false if it was not revoked.
    package static func restore(node: String, directory: String) throws(AuthorityFailure) -> Bool {
        let files = try AuthorityDirectory(directory)
        var record = try RevocationRecord.read(in: directory)
        guard record.isRevoked(node: node) else { return false }
        record.nodes.removeAll { $0.name == node }
        try record.write(in: files)
        return true
    }

    private func matches(_ issued: [IssuedRecord], trustDomain: String) throws(AuthorityFailure) -> [IssuedRecord] {
        switch target {
        case .serial(let text):
            let serial = text.filter { $0 != ":" }.uppercased()
            guard !serial.isEmpty, serial.utf8.count <= Self.longestSerial, serial.allSatisfy(\.isHexDigit) else {
                throw AuthorityFailure(
                    .request, "\"\(text)\" is no serial number", advice: "write it in hexadecimal, as `myelinctl certificates` shows it")
            }
            let found = issued.filter { $0.serial == serial }
            return found.isEmpty ? [IssuedRecord(serial: serial, subject: "", node: "", notAfter: .max)] : found
        case .service(let service):
            let subject = SPIFFEID(trustDomain: trustDomain, service: service).description
            return issued.filter { $0.subject == subject }
        case .node(let name):
            guard NodeIdentity.isName(name) else {
                throw AuthorityFailure(.request, "\"\(name)\" is no name of a node", advice: "use `node.name` of its node.yaml")
            }
            return issued.filter { $0.node == name }
        case .issued(let nodes): return issued.filter { nodes.contains($0.node) }
        }
    }

    /// 20 octets (RFC 5280 §4.1.2.2).
    static let longestSerial = 40
}
