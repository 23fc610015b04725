/// What is known of an endpoint's health.
package struct HealthView: Codable, Sendable, Equatable {
    package enum State: String, Codable, Sendable {
        case ready, unready
        /// It is checked, but no probe has told yet, or its node has not been heard of lately. It counts as ready.
        case unknown
        /// Its service's policy asks for no checks. It counts as ready.
        case unchecked
    }

    package let state: State
    /// Its process does not answer; absent where that is not checked, and for endpoints of other nodes.
    package let isHanging: Bool?
    /// From when on this node has known it so.
    package let since: String?
    /// What went wrong last; only its own node knows.
    package let failure: String?

    package init(state: State, isHanging: Bool? = nil, since: String? = nil, failure: String? = nil) {
        self.state = state
        self.isHanging = isHanging
        self.since = since
        self.failure = failure
    }

    /// For a table: `unready since … (hangs, did not answer within 1s)`.
    package var text: String {
        guard state != .unchecked else { return "" }
        let notes = [isHanging == true ? "hangs" : nil, failure].compactMap(\.self).joined(separator: ": ")
        return state.rawValue + (since.map { " since \($0)" } ?? "") + (notes.isEmpty ? "" : " (\(notes))")
    }
}
