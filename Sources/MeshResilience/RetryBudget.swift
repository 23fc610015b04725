/// How many retries may be under way: a share of the live requests, and a few always (R5.2).
package struct RetryBudget: Sendable {
    package private(set) var requests = 0
    package private(set) var retries = 0

    private static let share = 5
    /// An instance that dies takes all that it was answering with it: where few requests are live, more than a fifth of them.
    private static let minimum = 10

    package init() {}

    package mutating func begin() { requests += 1 }

    package mutating func end(wasRetried: Bool) {
        requests -= 1
        if wasRetried { retries -= 1 }
    }

    /// A live request asks for its first retry. - Returns: whether it may.
    package mutating func takeRetry() -> Bool {
        guard retries < max(Self.minimum, requests / Self.share) else { return false }
        retries += 1
        return true
    }
}
