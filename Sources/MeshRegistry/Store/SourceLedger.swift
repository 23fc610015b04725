package import Foundation
package import MeshTypes

/// What is known of one source: how it does, and what it said last that can be believed. A machine without clock and files.
///
/// A source never empties the mesh by a mistake: what fails changes nothing, and a source that has lost its records at once, or most of what
/// operators declared in it, is held to what it said before until it has said so for `grace`, or the operator accepts it.
package struct SourceLedger: Sendable {
    package enum Condition: Sendable, Equatable {
        /// It has not said anything since the daemon started.
        case waiting
        case healthy
        case failing(SourceFailure)
        /// Its records, or most of those that operators declared, are gone at once, which is not believed yet.
        case held
    }

    /// What a report or the passing of time did.
    package struct Change: OptionSet, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }
        /// Other records are in force now.
        package static let records = Change(rawValue: 1)
        package static let condition = Change(rawValue: 2)
    }

    package let name: SourceName
    package private(set) var condition = Condition.waiting
    /// Since when `condition` is of its kind.
    package private(set) var since: Moment
    /// What counts; nil before it said anything.
    package private(set) var records: RegistryRecords?
    /// When `records` were last said.
    package private(set) var recordsSaid: Date?
    /// `records` are from the state directory: said before this daemon started.
    package private(set) var areRemembered = false
    package private(set) var note = SourceNote()
    package private(set) var changes: UInt64 = 0
    private let grace: Duration
    /// What it says while it is held.
    private var unbelieved: (records: RegistryRecords, note: SourceNote)?
    /// Fewer may go at once, unless they are all.
    private static let fewestLost = 10

    package init(_ name: SourceName, grace: Duration, now: Moment) {
        self.name = name
        self.grace = grace
        since = now
    }

    /// Takes up what it said to a daemon before this one.
    package mutating func remember(_ records: RegistryRecords, said: Date) {
        self.records = records
        recordsSaid = said
        areRemembered = true
    }

    package mutating func receive(_ report: SourceReport, now: Moment) -> Change {
        switch report {
        case .failed(let failure): return enter(.failing(failure), now)
        case .records(let said, _) where said.count > RegistryBounds.records:
            let failure = SourceFailure(
                .overBound, "\(name) has \(said.count) records, where \(RegistryBounds.records) are the most",
                advice: "remove what is no longer used; the last good records stay in force")
            return enter(.failing(failure), now)
        case .records(let said, let note) where isSuspicious(said, note):
            unbelieved = (said, note)
            return enter(.held, now)
        case .records(let said, let note): return take(said, note, now)
        }
    }

    private func isSuspicious(_ said: RegistryRecords, _ note: SourceNote) -> Bool {
        guard let records, !records.isEmpty, !note.isEmptyOnPurpose, !name.kind.isLocal else { return false }
        guard !said.isEmpty else { return true }
        let declared = records.declared
        let lost = declared.subtracting(said.declared).count
        return lost > 0 && (lost == declared.count || (lost >= Self.fewestLost && lost * 2 > declared.count))
    }

    /// When `settle` has something to do; nil if time alone changes nothing.
    package var deadline: ContinuousClock.Instant? { condition == .held ? since.instant + grace : nil }

    /// Believes a source that has missed its records for long enough.
    package mutating func settle(now: Moment) -> Change {
        guard let deadline, now.instant >= deadline else { return [] }
        return accept(now: now)
    }

    /// The operator says that it is right to have lost them.
    package mutating func accept(now: Moment) -> Change {
        guard condition == .held, let (records, note) = unbelieved else { return [] }
        return take(records, note, now)
    }

    private mutating func take(_ said: RegistryRecords, _ note: SourceNote, _ now: Moment) -> Change {
        var change = enter(.healthy, now)
        self.note = note
        unbelieved = nil
        recordsSaid = now.date
        areRemembered = false
        guard said != records else { return change }
        records = said
        changes += 1
        change.insert(.records)
        return change
    }

    private mutating func enter(_ new: Condition, _ now: Moment) -> Change {
        guard new != condition else { return [] }
        let wasFailing = condition.failureCode
        // What it said held until now.
        if condition == .healthy { recordsSaid = now.date }
        // Another reason for the same trouble does not make it younger.
        if new.failureCode == nil || wasFailing == nil { since = now }
        condition = new
        return new.failureCode != nil && new.failureCode == wasFailing ? [] : .condition
    }
}

extension SourceLedger.Condition {
    /// As JSON and metrics name it.
    package var code: String {
        switch self {
        case .waiting: "waiting"
        case .healthy: "healthy"
        case .failing: "failing"
        case .held: "held"
        }
    }

    var failureCode: SourceFailure.Code? {
        if case .failing(let failure) = self { failure.code } else { nil }
    }
}
