/// Where a blocking query goes on (Consul's "blocking queries").
package struct ConsulIndex: Equatable {
    /// 0: the next question does not wait.
    package private(set) var value: UInt64 = 0

    package init() {}

    /// Takes the index of an answer.
    /// - Returns: whether the answer may differ from the one before.
    package mutating func advance(to new: UInt64) -> Bool {
        // 0 would never wait; it means that nothing was ever written.
        let new = max(new, 1)
        defer {
            // It went back: the servers were replaced or restored, and nothing that was waited for counts.
            value = new < value ? 0 : new
        }
        return new != value
    }
}
