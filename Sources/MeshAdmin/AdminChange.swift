/// What can be changed through the status socket, by those who may.
package enum AdminChange: Sendable, Equatable {
    case register(id: String, RegistrationView)
    case heartbeat(id: String)
    case drain(id: String, Bool)
    case deregister(id: String)
    /// A source without records is right to have none.
    case accept(source: String)
    /// The node takes no new calls, or takes them again.
    case drainNode(Bool)
}

/// What became of it.
package enum AdminOutcome: Sendable, Equatable {
    package enum Refusal: Sendable { case invalid, conflict, unknown, unavailable }

    /// A sentence for the operator.
    case done(String)
    case refused(Refusal, AdminComplaint)
}

/// An instance that is to be registered.
package struct RegistrationView: Codable, Sendable, Equatable {
    package var service: String
    package var namespace: String?
    /// nil: the node's own.
    package var address: String?
    package var port: UInt16
    /// Of the service; nil: the same as `port`.
    package var servicePort: UInt16?
    package var `protocol`: String?
    package var team: String?
    package var version: String?
    package var weight: Int?
    /// Below the cgroup v2 mount; nil when the files or `discovery` name its processes.
    package var cgroup: String?
    /// `host`, or a path; nil: that of its first process.
    package var netns: String?
    /// Such as `30s`: forgotten without a heartbeat for so long; nil: never.
    package var ttl: String?

    package init(service: String, port: UInt16) {
        self.service = service
        self.port = port
    }
}

/// The answer to a change.
package struct ChangeView: Codable, Sendable, Equatable {
    package let done: String
}
