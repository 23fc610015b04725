package import MeshConfig
internal import MeshTypes

/// Reads the registry's files. One error in one file refuses the whole set.
package enum RegistryDocuments {
    package static let extensions = [".yaml", ".yml", ".json"]
    /// Bytes of one file.
    package static let maximumSize = 64 << 20

    /// - Parameters:
    ///   - path: a directory, or one file.
    ///   - namespace: of services that name none.
    package static func load(path: String, namespace: String) throws(DocumentErrors) -> RegistryState {
        var records = RawRecords()
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
        var assembly = RegistryAssembly()
        let state = assembly.state(of: records)
        guard assembly.errors.isEmpty else { throw DocumentErrors(assembly.errors) }
        return state
    }
}
