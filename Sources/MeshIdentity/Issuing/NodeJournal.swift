package import Foundation
internal import MeshTypes

/// `nodes.json`: which nodes ask this authority, and which roots and revocations each has taken.
package struct NodeJournal: Codable, Sendable, Equatable {
    static let file = "nodes.json"
    static let maximumBytes = 4 << 20
    /// Beyond this the one that was silent for longest is forgotten.
    package static let maximumNodes = 10_000
    /// A node that was silent for so long has lost its certificate, and joins anew with the roots of then.
    package static let silence: TimeInterval = 7 * 24 * 3600

    package struct Entry: Codable, Sendable, Equatable {
        /// `AuthorityTrust.version`.
        package var version: String
        /// Seconds since the epoch.
        package var seen: Int64
    }

    package private(set) var nodes: [String: Entry] = [:]

    package init() {}

    package mutating func note(_ node: String, version: String, now: Date) {
        if nodes[node] == nil, nodes.count >= Self.maximumNodes, let oldest = nodes.min(by: { $0.value.seen < $1.value.seen }) {
            nodes[oldest.key] = nil
        }
        nodes[node] = Entry(version: version, seen: Int64(now.timeIntervalSince1970))
    }

    package mutating func forget(_ node: String) { nodes[node] = nil }

    /// In order of name.
    package func nodes(without version: String, now: Date) -> [String] {
        let line = Int64(now.timeIntervalSince1970 - Self.silence)
        return nodes.filter { $0.value.version != version && $0.value.seen > line }.map(\.key).sorted()
    }

    package static func read(in directory: String) throws(AuthorityFailure) -> NodeJournal {
        guard let bytes = try PrivateFile.read("\(directory)/\(file)", secret: false, limit: maximumBytes) else { return NodeJournal() }
        // Worth nothing on its own: nodes that ask again are noted again.
        return (try? JSONDecoder().decode(NodeJournal.self, from: Data(bytes))) ?? NodeJournal()
    }

    package func write(in directory: String) throws(AuthorityFailure) {
        let files = try AuthorityDirectory(directory)
        let bytes: [UInt8]
        do { bytes = Array(try JSONEncoder().encode(self)) } catch {
            throw AuthorityFailure(.request, "\(Self.file) cannot be written: \(error)", advice: "report it")
        }
        try files.write(Self.file, bytes, mode: 0o644)
    }
}
