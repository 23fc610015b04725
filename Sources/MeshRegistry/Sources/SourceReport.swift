package import MeshConfig
package import MeshTypes

/// What a source says.
package enum SourceReport: Sendable {
    /// All that it knows, read in full and well-formed as a whole. It may be empty.
    case records(RegistryRecords, SourceNote)
    /// It cannot say; what it said last stays in force.
    case failed(SourceFailure)
}

/// What goes with the records of a source.
package struct SourceNote: Sendable, Equatable {
    /// How the source itself numbers its states: `revision 4711`, `index 12`; empty if it does not.
    package let generation: String
    /// Single records that were left out since they are wrong, and why: the others are used. The file is the place in the source, such
    /// as `etcd:/myelin/services/wallet`. At most `RegistryBounds.problems`.
    package let dropped: [DocumentError]
    /// Somebody wrote down that there is nothing (`services: []`), so that being empty is no accident.
    package let isEmptyOnPurpose: Bool

    package init(generation: String = "", dropped: [DocumentError] = [], isEmptyOnPurpose: Bool = false) {
        self.generation = generation
        self.dropped = Array(dropped.prefix(RegistryBounds.problems))
        self.isEmptyOnPurpose = isEmptyOnPurpose
    }
}

/// Why a source cannot say what it knows.
package typealias SourceFailure = Failure<SourceFailureCode>

/// Stable codes of `SourceFailure`.
package enum SourceFailureCode: String, Sendable, Codable, CaseIterable {
    /// No connection, no answer, or an answer that broke off.
    case unreachable
    /// It wants other credentials, or does not know its certificate's holder.
    case refused
    /// It answers what nobody can read.
    case malformed
    /// It says more than `RegistryBounds` lets in.
    case overBound = "over_bound"
}

/// How much a source may say. More is refused whole: half of an answer is a wrong answer.
package enum RegistryBounds {
    /// Nodes, services, endpoints and workloads of one source together.
    package static let records = 200_000
    /// Bytes that a source reads for one report.
    package static let bytes = 64 << 20
    /// Bytes of one record of a store.
    package static let recordBytes = 1 << 20
    /// Wrong records and conflicts that are kept for the operator; further ones are counted.
    package static let problems = 100
}
