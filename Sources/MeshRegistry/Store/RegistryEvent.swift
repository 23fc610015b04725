package import MeshConfig
package import MeshTypes

/// What happens to the registry, for the log: each said once, when it begins.
package enum RegistryEvent: Sendable {
    case failing(SourceName, SourceFailure)
    case healthy(SourceName, records: Int)
    /// All records, or most of the declared ones, are gone at once: what was known is kept, this many records.
    case held(SourceName, kept: Int, grace: Duration)
    /// An empty source is believed.
    case emptied(SourceName)
    /// Records from the state directory are used until the source answers.
    case remembered(SourceName, records: Int)
    case archive(SourceName, ArchiveFailure)
    case dropped(SourceName, DocumentError)
    case problem(RegistryProblem)
}
