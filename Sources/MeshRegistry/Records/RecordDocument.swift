package import MeshConfig

/// Reads one record of a store, or a document of several, in the form that files have (R2.1).
package enum RecordDocument {
    /// - Parameters:
    ///   - place: where it stands in the store, such as `etcd:/myelin/services/wallet`: what errors and locations call it.
    ///   - namespace: of services that name none.
    /// - Throws: everything that is wrong with it; it is used whole or not at all.
    package static func read(_ bytes: [UInt8], place: String, namespace: String) throws(DocumentErrors) -> RegistryRecords {
        let document = try Document(bytes: bytes, file: place, limit: RegistryBounds.recordBytes)
        guard let root = document.root else {
            throw DocumentErrors([DocumentError(file: place, message: "is empty", suggestion: "write a record into it, or remove it")])
        }
        var records = RegistryRecords()
        RecordReader(namespace: namespace).read(root, into: &records)
        try document.finish()
        return records
    }
}
