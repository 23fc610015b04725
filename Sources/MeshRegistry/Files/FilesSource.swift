package import MeshConfig
package import MeshTypes

/// The registry's files as a source: read again when they change.
package struct FilesSource: RegistrySource {
    package let name = SourceName(.files)
    private let path: String
    private let namespace: String
    private let watch: DocumentWatch
    private let reload: AsyncStream<Void>
    private let found: @Sendable (DocumentErrors?) -> Void

    /// What is there now counts as known: call `load` after making it.
    /// - Parameters:
    ///   - reload: an element reads them again, changed or not.
    ///   - found: what is wrong with them after each reading; nil when they are in force.
    package init(
        path: String, namespace: String, reload: AsyncStream<Void>, found: @escaping @Sendable (DocumentErrors?) -> Void
    ) {
        self.path = path
        self.namespace = namespace
        self.reload = reload
        self.found = found
        watch = DocumentWatch(path: path, extensions: RegistryDocuments.extensions)
    }

    package func load() -> SourceReport {
        do throws(DocumentErrors) {
            let records = try RegistryDocuments.records(path: path, namespace: namespace)
            found(nil)
            // A directory that has lost all its files, as an unmounted one has, says nothing on purpose.
            let files = (try? DocumentDirectory.files(in: path, extensions: RegistryDocuments.extensions).count) ?? 0
            return .records(records, SourceNote(isEmptyOnPurpose: files > 0))
        } catch {
            found(error)
            let more = error.errors.count > 1 ? ", and \(error.errors.count - 1) more" : ""
            return .failed(
                SourceFailure(
                    .malformed, (error.errors.first.map { "\($0)" } ?? path) + more,
                    advice: "correct the file; the last good set stays in force meanwhile"))
        }
    }

    package func run(_ report: @escaping @Sendable (SourceReport) async -> Void) async {
        await watch.run(hints: reload) { await report(load()) }
    }
}
