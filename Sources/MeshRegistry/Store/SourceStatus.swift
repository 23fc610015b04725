package import Foundation
package import MeshTypes

/// One source, for operators.
package struct SourceStatus: Sendable {
    package let name: SourceName
    /// 1 for the one that wins conflicts.
    package let rank: Int
    package let condition: SourceLedger.Condition
    package let since: Date
    package let records: Int
    /// Until when it stood by its records; nil if it never had any.
    package let recordsSaid: Date?
    package let areRemembered: Bool
    package let generation: String
    package let dropped: Int
    package let changes: UInt64

    init(_ ledger: SourceLedger, rank: Int, now: Date) {
        name = ledger.name
        self.rank = rank
        condition = ledger.condition
        since = ledger.since.date
        records = ledger.records?.count ?? 0
        recordsSaid = ledger.condition == .healthy ? now : ledger.recordsSaid
        areRemembered = ledger.areRemembered
        generation = ledger.note.generation
        dropped = ledger.note.dropped.count
        changes = ledger.changes
    }
}
