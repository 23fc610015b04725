package import MeshTypes

/// One place that records come from (R2.2).
package protocol RegistrySource: Sendable {
    var name: SourceName { get }

    /// Reports until cancelled, and connects again by itself, with delays that grow and vary.
    ///
    /// Each report is whole, not a difference: what it does not name, this source does not know (any more). Reports need not be spaced
    /// out, since the store folds those together that come at the same time; but nothing need be said twice.
    func run(_ report: @escaping @Sendable (SourceReport) async -> Void) async
}
