internal import Crypto
internal import Foundation
internal import MeshTypes

/// What one authority tells another under the same root: everything that its own orders have revoked.
package struct RevocationNotice: Codable, Sendable, Equatable {
    /// Of certificates; upper-case hexadecimal.
    package let serials: [String]
    /// Names of nodes.
    package let nodes: [String]

    package init(_ record: RevocationRecord) {
        serials = record.certificates.map(\.serial).sorted()
        nodes = record.nodes.map(\.name).sorted()
    }

    /// By which a reader can say what it has.
    package var version: String {
        var digest = SHA256()
        for entry in serials + [""] + nodes { digest.update(data: Array("\(entry)\n".utf8)) }
        return JoinToken.hex(digest.finalize().prefix(16))
    }

    /// An authority of this version says nothing else.
    package var isSound: Bool {
        serials.count <= RevocationRecord.maximumCertificates && nodes.count <= RevocationRecord.maximumNodes
            && serials.allSatisfy { !$0.isEmpty && $0.utf8.count <= RevocationOrder.longestSerial && $0.allSatisfy(\.isHexDigit) }
            && nodes.allSatisfy { NodeIdentity.isName($0) }
    }
}

/// `peers/` in an authority's directory: what each other authority under its root said last. It counts while that one is away, and until its
/// file is removed.
package enum PeerNotices {
    static let folder = "peers"

    /// By the peer's address.
    package static func read(in directory: String) throws(AuthorityFailure) -> [String: RevocationNotice] {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: "\(directory)/\(folder)") else { return [:] }
        var notices: [String: RevocationNotice] = [:]
        for name in names where name.hasSuffix(suffix) {
            let path = "\(directory)/\(folder)/\(name)"
            guard let bytes = try PrivateFile.read(path, secret: false, limit: RevocationRecord.maximumBytes) else { continue }
            guard let notice = try? JSONDecoder().decode(RevocationNotice.self, from: Data(bytes)), notice.isSound else {
                throw AuthorityFailure(
                    .damaged, "\(path) cannot be read",
                    advice: "remove it: the authority there says it again; if it is gone for good, revoke here what it had revoked")
            }
            notices[String(name.dropLast(suffix.count))] = notice
        }
        return notices
    }

    package static func write(_ notice: RevocationNotice, of peer: String, in directory: String) throws(AuthorityFailure) {
        let files = try AuthorityDirectory(directory)
        try files.makeFolder(folder)
        let bytes: [UInt8]
        do { bytes = Array(try JSONEncoder().encode(notice)) } catch {
            throw AuthorityFailure(.request, "what \(peer) has revoked cannot be written: \(error)", advice: "report it")
        }
        try files.write("\(folder)/\(peer)\(suffix)", bytes, mode: 0o644)
    }

    private static let suffix = ".json"
}
