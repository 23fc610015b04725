internal import Foundation
internal import MeshConfig

/// Reads the registry as it would be with other files, before anything is written.
package enum RegistryTrial {
    /// - Parameters:
    ///   - files: taken instead of those of the same path, or in addition.
    ///   - removed: left out.
    package static func load(
        _ directory: String, namespace: String, with files: [PlannedFile], without removed: Set<String> = []
    ) throws -> RegistryState {
        let stage = FileManager.default.temporaryDirectory.appendingPathComponent("myelinctl-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: stage, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(atPath: stage) }
        func staged(_ path: String) -> String { stage + "/" + URL(fileURLWithPath: path).lastPathComponent }
        let replaced = Set(files.map(\.path)).union(removed)
        for path in try DocumentDirectory.files(in: directory, extensions: RegistryDocuments.extensions) where !replaced.contains(path) {
            try FileManager.default.createSymbolicLink(atPath: staged(path), withDestinationPath: path)
        }
        for file in files where !removed.contains(file.path) { try Data(file.text.utf8).write(to: URL(fileURLWithPath: staged(file.path))) }
        do throws(DocumentErrors) {
            return try RegistryDocuments.load(path: stage, namespace: namespace)
        } catch {
            throw EnrolmentRefusal(
                "the registry would have errors:\n\("\(error)".replacing(stage, with: directory))", "nothing was changed")
        }
    }
}
