internal import MeshRegistry
internal import MeshTypes

/// A store, as far as writing goes. `StorePublisher` decides what is written and when.
protocol StoreOutlet: Sendable {
    var name: SourceName { get }
    /// How often `keep` has to be called so that nothing vanishes.
    var beat: Duration { get }

    /// What a record is called here.
    func key(of slot: StoreSlot) -> String

    /// Keeps alive what was written; connects if need be.
    /// - Parameter isDue: a beat has passed.
    /// - Returns: false if nothing of it is there any more.
    func keep(isDue: Bool) async throws(StoreError) -> Bool

    /// All that there is in the name of `node`.
    func keys(of node: String) async throws(StoreError) -> Set<String>

    /// - Returns: false if nothing is there any more of what was written before: then this was not written either.
    func write(_ writes: [StoreWrite]) async throws(StoreError) -> Bool

    /// Ends the connection after a failure; another server comes next.
    /// - Returns: the failure in the operator's words.
    func disconnect(after error: StoreError) async -> SourceFailure

    /// Takes out at once what this daemon wrote.
    func withdraw() async throws(StoreError)

    /// The end.
    func close() async
}

/// What a record is about.
package enum StoreSlot: Hashable, Sendable {
    case node(String)
    case endpoint(InstancePlace)

    /// Who signs it, and for which place.
    package var place: InstancePlace? {
        if case .endpoint(let place) = self { return place }
        return nil
    }
}

/// One change of what a store holds.
enum StoreWrite: Sendable {
    case put(key: String, StoreSlot, SignedAnnouncement)
    case delete(key: String)
}
