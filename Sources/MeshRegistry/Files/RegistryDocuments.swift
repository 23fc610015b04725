package import MeshConfig
internal import MeshTypes

/// Reads the registry's files. One error in one file refuses the whole set.
package enum RegistryDocuments {
    package static let extensions = [".yaml", ".yml", ".json"]
    /// Bytes of one file.
    package static let maximumSize = RegistryBounds.bytes

    /// - Parameters:
    ///   - path: a directory, or one file.
    ///   - namespace: of services that name none.
    package static func load(path: String, namespace: String) throws(DocumentErrors) -> RegistryState {
        RegistryMerge([(SourceName(.files), try records(path: path, namespace: namespace))]).state
    }

    /// The records of all files, which fit each other.
    package static func records(path: String, namespace: String) throws(DocumentErrors) -> RegistryRecords {
        var records = RegistryRecords()
        var errors: [DocumentError] = []
        for file in try DocumentDirectory.files(in: path, extensions: extensions) {
            do throws(DocumentErrors) {
                let document = try Document(file: file, limit: maximumSize)
                let reader = RecordReader(namespace: namespace)
                guard let root = document.root else {
                    throw DocumentErrors([
                        DocumentError(file: file, message: "is empty", suggestion: "a registry without records says so with `services: []`")
                    ])
                }
                reader.read(root, into: &records)
                try document.finish()
            } catch { errors += error.errors }
        }
        guard errors.isEmpty else { throw DocumentErrors(errors) }
        guard records.count <= RegistryBounds.records else {
            throw DocumentErrors([
                DocumentError(
                    file: path, message: "holds \(records.count) records, where \(RegistryBounds.records) are the most",
                    suggestion: "remove what is no longer used, or let services register themselves")
            ])
        }
        let merge = RegistryMerge([(SourceName(.files), records)])
        guard merge.problems.isEmpty else { throw DocumentErrors(merge.problems.map(\.error)) }
        return records
    }
}
