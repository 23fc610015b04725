package import Foundation
internal import Glibc
internal import MeshSystem
internal import MeshTypes

/// The join tokens of an authority that were not used yet: one file each in `tokens`, with a hash in place of the secret.
package struct TokenStore: Sendable {
    static let folder = "tokens"
    /// At a time.
    package static let maximumTokens = 1000
    package static let defaultLifetime = Duration.seconds(3600)
    package static let longestLifetime = Duration.seconds(7 * 24 * 3600)

    private struct Entry: Codable {
        let node: String
        let hash: String
        /// Seconds since the epoch.
        let expires: Int64
    }

    private let directory: String
    private var folder: String { "\(directory)/\(Self.folder)" }

    /// - Parameter directory: the authority's.
    package init(directory: String) { self.directory = directory }

    /// A token with which `node` can join once.
    package func make(
        for node: String, rootsDER: [[UInt8]], lifetime: Duration = defaultLifetime, now: Date = Date()
    ) throws(AuthorityFailure) -> JoinToken {
        guard NodeIdentity.isName(node) else {
            throw AuthorityFailure(.request, "\"\(node)\" is no name of a node", advice: "use `node.name` of its node.yaml")
        }
        let files = try AuthorityDirectory(directory)
        if let revoker = try KnownRevocations.read(in: directory).revoker(of: node) {
            throw AuthorityFailure(
                .revoked, "the node \(node) was revoked by \(revoker)",
                advice: "find out why; then, there, `myelind ca restore --node \(node)`")
        }
        try files.makeFolder(Self.folder)
        // Looking into each is for when there are many.
        var left = count()
        if left >= Self.maximumTokens { left = try sweep(now) }
        guard left < Self.maximumTokens else {
            throw AuthorityFailure(
                .full, "\(folder) holds \(Self.maximumTokens) tokens that were not used", advice: "remove those that are not needed")
        }
        let token = JoinToken(rootsDER: rootsDER)
        let expires = Int64(now.timeIntervalSince1970) + lifetime.components.seconds
        let entry = Entry(node: node, hash: JoinToken.hash(token.secret), expires: expires)
        let bytes: [UInt8]
        do { bytes = Array(try JSONEncoder().encode(entry)) } catch {
            throw AuthorityFailure(.request, "a token cannot be written: \(error)", advice: "report it")
        }
        try files.write("\(Self.folder)/\(token.id)", bytes, mode: 0o600)
        return token
    }

    /// Does `body` for who has the token: nobody else can use it meanwhile, nor afterwards. If `body` fails the token is as it was; if this process
    /// ends meanwhile it is used up.
    package func redeem<Result>(
        id: String, secret: String, node: String, now: Date = Date(), _ body: () throws(AuthorityFailure) -> Result
    ) throws(AuthorityFailure) -> Result {
        let refused = AuthorityFailure(
            .token, "the join token of \(node) is unknown here, used, expired or another node's",
            advice: "make a new one with `myelind ca token --node \(node)`; it is good at the authority that made it")
        guard JoinToken.isHex(id, bytes: JoinToken.idBytes), JoinToken.isHex(secret, bytes: JoinToken.secretBytes) else { throw refused }
        let path = "\(folder)/\(id)"
        guard let bytes = try PrivateFile.read(path, secret: true), let entry = try? JSONDecoder().decode(Entry.self, from: Data(bytes))
        else { throw refused }
        let matches = Self.equal(entry.hash, JoinToken.hash(secret))
        let taken = path + Self.takenSuffix
        // Of several that come here only one finds the file.
        guard matches, entry.node == node, Int64(now.timeIntervalSince1970) < entry.expires, rename(path, taken) == 0 else { throw refused }
        do throws(AuthorityFailure) {
            let result = try body()
            unlink(taken)
            return result
        } catch {
            rename(taken, path)
            throw error
        }
    }

    /// Of a token's file while it is used.
    private static let takenSuffix = ".taken"

    private func count() -> Int { (try? FileManager.default.contentsOfDirectory(atPath: folder).count) ?? 0 }

    /// Removes what has expired. - Returns: how many are left.
    @discardableResult
    package func sweep(_ now: Date = Date()) throws(AuthorityFailure) -> Int {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else { return 0 }
        var left = 0
        for name in names where JoinToken.isHex(String(name.trimmingSuffix(Self.takenSuffix)), bytes: JoinToken.idBytes) {
            guard let bytes = try PrivateFile.read("\(folder)/\(name)", secret: true),
                let entry = try? JSONDecoder().decode(Entry.self, from: Data(bytes)), entry.expires > Int64(now.timeIntervalSince1970)
            else {
                unlink("\(folder)/\(name)")
                continue
            }
            left += 1
        }
        return left
    }

    /// Takes as long for every hash.
    private static func equal(_ left: String, _ right: String) -> Bool {
        guard left.utf8.count == right.utf8.count else { return false }
        return zip(left.utf8, right.utf8).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}

extension String {
    fileprivate func trimmingSuffix(_ suffix: String) -> Substring { hasSuffix(suffix) ? dropLast(suffix.count) : self[...] }
}
