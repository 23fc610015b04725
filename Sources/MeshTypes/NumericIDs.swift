/// A service's number on this node: dense, never reused while the daemon lives, shared with the kernel programs. 0 is "none".
package struct ServiceID: Hashable, Sendable, BitwiseCopyable, RawRepresentable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    package static let none = ServiceID(rawValue: 0)
}

/// A workload's number on this node, shared with the kernel programs. 0 is "none".
package struct WorkloadID: Hashable, Sendable, BitwiseCopyable, RawRepresentable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    package static let none = WorkloadID(rawValue: 0)
}

/// The index of a network namespace in which the daemon captures. 0 is the node's own.
package struct NamespaceIndex: Hashable, Sendable, BitwiseCopyable, RawRepresentable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    package static let node = NamespaceIndex(rawValue: 0)
}
