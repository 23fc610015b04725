/// The registry of a node (R2.2): its sources and what does not fit.
package struct RegistryView: Codable, Sendable, Equatable {
    package let sources: [SourceView]
    package let problems: [ProblemView]
    /// Of all, listed or not.
    package let problemCount: Int
    package let publishers: [PublisherView]
    /// The node takes no new calls.
    package let draining: Bool

    package init(sources: [SourceView], problems: [ProblemView], problemCount: Int, publishers: [PublisherView], draining: Bool) {
        self.sources = sources
        self.problems = problems
        self.problemCount = problemCount
        self.publishers = publishers
        self.draining = draining
    }

    /// Records that were left out or contradict each other.
    package struct ProblemView: Codable, Sendable, Equatable {
        package let source: String
        /// `conflict`, `invalid` or `dropped`.
        package let kind: String
        package let what: String

        package init(source: String, kind: String, what: String) {
            self.source = source
            self.kind = kind
            self.what = what
        }
    }

    /// A store that is told of this node's endpoints.
    package struct PublisherView: Codable, Sendable, Equatable {
        package let name: String
        package let current: Bool
        package let failure: String?

        package init(name: String, current: Bool, failure: String?) {
            self.name = name
            self.current = current
            self.failure = failure
        }
    }
}

/// A source of records.
package struct SourceView: Codable, Sendable, Equatable {
    package let name: String
    /// 1 for the one that wins conflicts.
    package let rank: Int
    /// `waiting`, `healthy`, `failing` or `held`.
    package let state: String
    /// RFC 3339.
    package let since: String
    package let records: Int
    /// Until when the source stood by its records.
    package let said: String?
    package let ageSeconds: Int?
    /// The records are from before the daemon started.
    package let remembered: Bool
    package let generation: String
    package let dropped: Int
    package let changes: UInt64
    package let failure: String?
    package let remedy: String?

    package init(
        name: String, rank: Int, state: String, since: String, records: Int, said: String?, ageSeconds: Int?, remembered: Bool,
        generation: String, dropped: Int, changes: UInt64, failure: String?, remedy: String?
    ) {
        self.name = name
        self.rank = rank
        self.state = state
        self.since = since
        self.records = records
        self.said = said
        self.ageSeconds = ageSeconds
        self.remembered = remembered
        self.generation = generation
        self.dropped = dropped
        self.changes = changes
        self.failure = failure
        self.remedy = remedy
    }
}

/// An instance of this node that registered itself, or that `discovery` found.
package struct InstanceView: Codable, Sendable, Equatable {
    /// Of a registered one; empty for others.
    package let id: String
    /// `embedded` or `discovery`.
    package let source: String
    package let service: String
    package let namespace: String
    package let addresses: [String]
    /// `registered`, `draining`, or how far a found one is: `empty`, `starting`, `listening`, `caller`, `invalid`.
    package let state: String
    package let cgroup: String
    package let version: String
    package let ttl: String?
    package let reason: String?

    package init(
        id: String, source: String, service: String, namespace: String, addresses: [String], state: String, cgroup: String, version: String,
        ttl: String?, reason: String?
    ) {
        self.id = id
        self.source = source
        self.service = service
        self.namespace = namespace
        self.addresses = addresses
        self.state = state
        self.cgroup = cgroup
        self.version = version
        self.ttl = ttl
        self.reason = reason
    }
}
