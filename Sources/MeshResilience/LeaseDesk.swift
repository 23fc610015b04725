/// So many tokens of a shared limit are wanted by this node.
package struct LeaseOrder: Hashable, Sendable {
    /// Comes back with the answer.
    package let number: UInt64
    /// The same on all nodes: what is counted.
    package let name: String
    package let requests: Int
    /// Nanoseconds.
    package let period: UInt64
    package let burst: Int
    package let tokens: Int

    package init(number: UInt64, name: String, requests: Int, period: UInt64, burst: Int, tokens: Int) {
        self.number = number
        self.name = name
        self.requests = requests
        self.period = period
        self.burst = burst
        self.tokens = tokens
    }
}

package struct LeaseAnswer: Hashable, Sendable {
    package let number: UInt64
    /// At most what was ordered.
    package let tokens: Int
    /// Nanoseconds until the limit has one more; 0 while it has.
    package let wait: UInt64

    package init(number: UInt64, tokens: Int, wait: UInt64) {
        self.number = number
        self.tokens = tokens
        self.wait = wait
    }
}

/// Where a node's orders lie, and answers go: between the workers and whoever asks the other nodes' common counter.
package protocol LeaseDesk: Sendable {
    /// Called on any thread when there are orders.
    func whenOrdered(_ wake: @escaping @Sendable () -> Void)
    /// The orders that are due, at most so many; each is under way from then on.
    func takeOrders(_ maximum: Int) -> [LeaseOrder]
    func settle(_ answers: [LeaseAnswer])
    /// Whether orders can be answered. While they cannot, those under way are given up.
    func setAvailable(_ isAvailable: Bool)
}
