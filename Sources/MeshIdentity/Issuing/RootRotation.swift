internal import Crypto
package import Foundation
internal import MeshTypes

/// The change of root with two trusted roots (R1.3), on the authority's directory: prepare, activate, retire.
///
/// Between two steps every node must have taken the one before; a step that would cut nodes off is refused.
package struct RootRotation: Sendable {
    /// Nodes that share the directory look every few seconds; ten times that.
    package static let spread: TimeInterval = 60
    /// Clocks of nodes may differ.
    private static let margin: TimeInterval = 30
    static let file = "rotation.json"

    /// When the steps were taken, seconds since the epoch.
    private struct Steps: Codable {
        var preparedAt: Int64?
        var activatedAt: Int64?
    }

    package enum Phase: String, Sendable {
        /// One root.
        case settled
        /// The next root is trusted, and signs nothing yet.
        case prepared
        /// The next root signs; the one before it is still trusted.
        case activated
    }

    private let directory: String
    private let trustDomain: String

    package init(directory: String, trustDomain: String) {
        self.directory = directory
        self.trustDomain = trustDomain
    }

    package func phase() throws(AuthorityFailure) -> Phase {
        if try PrivateFile.read("\(directory)/\(RootFiles.next)", secret: false) != nil { return .prepared }
        return try PrivateFile.read("\(directory)/\(RootFiles.previous)", secret: false) != nil ? .activated : .settled
    }

    /// Makes the next root. From now on it is trusted.
    package func prepare(now: Date = Date()) throws(AuthorityFailure) {
        let files = try AuthorityDirectory(directory)
        _ = try RootFiles.load(in: files, trustDomain: trustDomain, now: now)
        try expect(.settled, "prepare", "finish the change that is under way: \(try phase() == .prepared ? "activate" : "retire") it")
        let key = P256.Signing.PrivateKey()
        try files.write(RootFiles.nextKey, Array((key.pemRepresentation + "\n").utf8), mode: 0o600)
        _ = try RootFiles.makeRoot(trustDomain, key, now, as: RootFiles.next, in: files)
        try write(Steps(preparedAt: Int64(now.timeIntervalSince1970)), in: files)
    }

    /// The next root signs from now on.
    /// - Parameter force: also if nodes may not trust it yet.
    package func activate(force: Bool = false, now: Date = Date()) throws(AuthorityFailure) {
        let files = try AuthorityDirectory(directory)
        _ = try RootFiles.load(in: files, trustDomain: trustDomain, now: now)
        try expect(.prepared, "activate", "begin with `myelind ca rotate prepare`")
        if !force { try checkSpread(files, now) }
        var steps = try self.steps()
        guard let nextKey = try files.read(RootFiles.nextKey, secret: true), let root = try files.read(RootFiles.root, secret: false)
        else {
            throw AuthorityFailure(
                .damaged, "\(directory)/\(RootFiles.nextKey) is missing", advice: "remove \(RootFiles.next), and prepare anew")
        }
        try files.write(RootFiles.previous, root, mode: 0o644)
        // From here on a crash is finished by whoever opens the directory next (`RootFiles.load`).
        try files.write(RootFiles.key, nextKey, mode: 0o600)
        _ = try RootFiles.load(in: files, trustDomain: trustDomain, now: now)
        steps.activatedAt = Int64(now.timeIntervalSince1970)
        try write(steps, in: files)
    }

    /// The root before is trusted no more.
    /// - Parameters:
    ///   - lifetime: the longest that certificates of it may have.
    ///   - force: also if certificates of it may still be in use.
    package func retire(lifetime: Duration, force: Bool = false, now: Date = Date()) throws(AuthorityFailure) {
        let files = try AuthorityDirectory(directory)
        _ = try RootFiles.load(in: files, trustDomain: trustDomain, now: now)
        try expect(.activated, "retire", "there is no root to retire: `myelind ca status`")
        if !force {
            let until = TimeInterval(try steps().activatedAt ?? Int64(now.timeIntervalSince1970)) + lifetime.inSeconds + Self.margin
            guard now.timeIntervalSince1970 >= until else {
                throw AuthorityFailure(
                    .tooEarly, "certificates of the root before are valid until \(Date(timeIntervalSince1970: until).formatted(.iso8601))",
                    advice: "wait until then; --force cuts off whoever still has one")
            }
        }
        try files.remove(RootFiles.previous)
        try write(Steps(), in: files)
    }

    private func expect(_ wanted: Phase, _ step: String, _ advice: String) throws(AuthorityFailure) {
        let found = try phase()
        guard found == wanted else {
            throw AuthorityFailure(.request, "the root cannot \(step) now: the change of root is \(found.rawValue)", advice: advice)
        }
    }

    private func checkSpread(_ files: borrowing AuthorityDirectory, _ now: Date) throws(AuthorityFailure) {
        let since = now.timeIntervalSince1970 - TimeInterval(try steps().preparedAt ?? Int64(now.timeIntervalSince1970))
        guard since >= Self.spread else {
            throw AuthorityFailure(
                .tooEarly, "the next root was prepared \(Int(since)) s ago, and nodes need \(Int(Self.spread)) s to trust it",
                advice: "wait; --force cuts off nodes that do not trust it yet")
        }
        let revoked = try KnownRevocations.read(in: directory)
        let version = try trustVersion(now, files)
        let behind = try NodeJournal.read(in: directory).nodes(without: version, now: now).filter { !revoked.isRevoked(node: $0) }
        guard behind.isEmpty else {
            throw AuthorityFailure(
                .tooEarly, "\(behind.count) nodes have not taken the next root: \(behind.prefix(10).joined(separator: ", "))",
                advice: "see why they do not ask the authority, or revoke them; --force cuts them off")
        }
    }

    private func trustVersion(_ now: Date, _ files: borrowing AuthorityDirectory) throws(AuthorityFailure) -> String {
        let material = try RootFiles.load(in: files, trustDomain: trustDomain, now: now)
        return AuthorityTrust(roots: material.rootsDER, revoked: try KnownRevocations.read(in: directory).serials).version
    }

    private func steps() throws(AuthorityFailure) -> Steps {
        guard let bytes = try PrivateFile.read("\(directory)/\(Self.file)", secret: false) else { return Steps() }
        return (try? JSONDecoder().decode(Steps.self, from: Data(bytes))) ?? Steps()
    }

    private func write(_ steps: Steps, in files: borrowing AuthorityDirectory) throws(AuthorityFailure) {
        let bytes: [UInt8]
        do { bytes = Array(try JSONEncoder().encode(steps)) } catch {
            throw AuthorityFailure(.request, "\(Self.file) cannot be written: \(error)", advice: "report it")
        }
        try files.write(Self.file, bytes, mode: 0o644)
    }
}
