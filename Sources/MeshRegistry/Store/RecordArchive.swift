package import Foundation
package import MeshTypes

/// The last good records of each source in the state directory: a node that starts while a store is dead still knows the mesh.
package struct RecordArchive: Sendable {
    /// Bytes of one file; larger ones are neither written nor read.
    package static let maximumSize = 128 << 20

    private let directory: String

    /// - Parameter directory: made when something is first kept.
    package init(directory: String) { self.directory = directory }

    package struct Kept: Sendable {
        package let records: RegistryRecords
        package let said: Date
    }

    package func file(of source: SourceName) -> String {
        directory + "/" + source.description.replacing("/", with: "@") + ".json"
    }

    /// - Returns: nil when nothing was kept.
    package func load(_ source: SourceName) throws(ArchiveFailure) -> Kept? {
        let file = file(of: source)
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: file) else { return nil }
        guard (attributes[.size] as? Int ?? .max) <= Self.maximumSize else {
            throw ArchiveFailure(what: "\(file) is larger than \(Self.maximumSize) bytes", advice: Self.notUsed)
        }
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        guard let data = FileManager.default.contents(atPath: file), let stored = try? decoder.decode(StoredRecords.self, from: data),
            stored.format == StoredRecords.currentFormat, stored.source == source.description, let records = stored.records,
            records.count <= RegistryBounds.records
        else { throw ArchiveFailure(what: "\(file) is damaged, or of another version", advice: Self.notUsed) }
        return Kept(records: records, said: stored.said)
    }

    private static let notUsed = "it is not used, and written anew when the source answers"

    /// Atomic: a crash leaves the old file or the new one.
    package func keep(_ records: RegistryRecords, of source: SourceName, said: Date) throws(ArchiveFailure) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        do {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            let data = try encoder.encode(StoredRecords(records, source: source, said: said))
            guard data.count <= Self.maximumSize else {
                throw ArchiveFailure(what: "the records of \(source) make more than \(Self.maximumSize) bytes", advice: Self.notKept)
            }
            try data.write(to: URL(fileURLWithPath: file(of: source)), options: .atomic)
        } catch let failure as ArchiveFailure {
            throw failure
        } catch {
            throw ArchiveFailure(what: "cannot write \(file(of: source)): \(error.localizedDescription)", advice: Self.notKept)
        }
    }

    private static let notKept = "free space there; a daemon that starts while the source is down will not know its records"
}

/// Why the last good records of a source are not there, or not kept.
package struct ArchiveFailure: Error, Sendable, CustomStringConvertible {
    package let what: String
    package let advice: String

    package var description: String { "\(what); \(advice)" }
}
