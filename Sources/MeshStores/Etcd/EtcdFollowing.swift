internal import MeshRegistry

/// Follows the keys below a prefix: which question comes next, and what each answer means. It asks nothing itself.
///
/// First it reads everything, in pages of one revision; then it watches from the revision after that. It begins anew when what it
/// would go on from is gone (compacted) or belongs to another history (a cluster that was restored or replaced).
package struct EtcdFollowing {
    /// Keys of one page, at first.
    package static let pageSize = 512

    package enum Step: Equatable {
        case read(from: [UInt8], limit: Int, revision: Int64)
        case watch(from: Int64)
    }

    package enum Outcome: Equatable {
        case nothing
        /// All keys, in place of what was known.
        case replace([EtcdValue])
        case apply([EtcdWatchAnswer.Event])
        /// The watch is of no use any more: ask for `next`.
        case readAgain(why: String)
        /// As `readAgain`; what there is now may be from before what was known.
        case otherHistory(why: String)
    }

    private enum State {
        case reading(Reading)
        case following(EtcdHeader)
    }

    private struct Reading {
        /// Of the first page; nil before it.
        var header: EtcdHeader?
        package var next: [UInt8]
        var values: [EtcdValue] = []
        var bytes = 0
    }

    private let prefix: [UInt8]
    private let maximumKeys: Int
    private let maximumBytes: Int
    private var state: State
    private var limit = pageSize
    /// Heartbeats in a row that counted other keys than are known, with no change between them.
    private var miscounts = 0
    private var miscountedAt: Int64 = 0

    package init(prefix: [UInt8], maximumKeys: Int = RegistryBounds.records, maximumBytes: Int = RegistryBounds.bytes) {
        self.prefix = prefix
        self.maximumKeys = maximumKeys
        self.maximumBytes = maximumBytes
        state = .reading(Reading(next: prefix))
    }

    package var next: Step {
        switch state {
        case .reading(let reading): .read(from: reading.next, limit: limit, revision: reading.header?.revision ?? 0)
        case .following(let header): .watch(from: header.revision + 1)
        }
    }

    /// What is known is that of this revision; 0 before anything is.
    package var revision: Int64 {
        if case .following(let header) = state { return header.revision }
        return 0
    }

    // MARK: Reading

    /// - Parameter page: nil if its revision is gone.
    /// - Throws: if there is more than the bounds let in.
    package mutating func received(_ page: EtcdRange?) throws(StoreError) -> Outcome {
        guard case .reading(var reading) = state else { return .nothing }
        guard let page else {
            begin()
            return .readAgain(why: "the revision was compacted while it was read")
        }
        let values = page.kvs ?? []
        reading.values += values
        reading.bytes += values.reduce(0) { $0 + $1.key.count + $1.value.count }
        guard reading.values.count <= maximumKeys, reading.bytes <= maximumBytes else {
            begin()
            throw .tooMuch("more than \(maximumKeys) keys or \(maximumBytes >> 20) MiB below \(String(decoding: prefix, as: UTF8.self))")
        }
        let header = reading.header ?? page.header
        if page.more == true, let last = values.last {
            reading.header = header
            // The smallest key after it.
            reading.next = last.key + [0]
            state = .reading(reading)
            return .nothing
        }
        state = .following(header)
        miscounts = 0
        return .replace(reading.values)
    }

    /// The answer to a page was larger than the client takes: fewer keys at a time. A single key cannot be too large.
    package mutating func pageWasTooLarge() -> Bool {
        guard limit > 1 else { return false }
        limit = max(1, limit / 8)
        return true
    }

    /// The connection is lost. Half of what there is says nothing; what was known whole is gone on from.
    package mutating func disconnected() {
        if case .reading = state { begin() }
        miscounts = 0
    }

    /// Forgets everything: all is read again.
    package mutating func begin() {
        state = .reading(Reading(next: prefix))
        limit = Self.pageSize
        miscounts = 0
    }

    // MARK: Watching

    package mutating func received(_ answer: EtcdWatchAnswer) -> Outcome {
        guard case .following(var known) = state else { return .nothing }
        if answer.isCanceled {
            if answer.compactRevision > 0 { return again("revision \(known.revision + 1) was compacted") }
            return .nothing
        }
        if let why = Self.difference(answer.header, known) { return other(why) }
        known.term = max(known.term, answer.header.term)
        // A later revision than the last event's may belong to an answer that is still to come; only a progress notice rules that out.
        if answer.events.isEmpty {
            if !answer.isCreated { known.revision = max(known.revision, answer.header.revision) }
        } else if !answer.isFragment {
            known.revision = answer.events.reduce(known.revision) { max($0, $1.revision) }
        }
        state = .following(known)
        guard !answer.events.isEmpty else { return .nothing }
        miscounts = 0
        return .apply(answer.events)
    }

    /// A heartbeat's answer. - Parameter keys: how many are known.
    package mutating func counted(_ header: EtcdHeader, _ count: Int64, keys: Int) -> Outcome {
        guard case .following(let known) = state else { return .nothing }
        if let why = Self.difference(header, known) { return other(why) }
        guard count != Int64(keys) else {
            miscounts = 0
            return .nothing
        }
        // The first time it may be ahead of the watch.
        if miscounts > 0, miscountedAt == known.revision { return again("it holds \(count) keys, and \(keys) are known") }
        miscounts = 1
        miscountedAt = known.revision
        return .nothing
    }

    /// Why `header` is not of the history that `known` is of.
    static func difference(_ header: EtcdHeader, _ known: EtcdHeader) -> String? {
        if header.cluster != known.cluster { return "it is another cluster than before" }
        if header.revision < known.revision { return "its revision went back from \(known.revision) to \(header.revision)" }
        if header.term < known.term { return "its term went back from \(known.term) to \(header.term)" }
        return nil
    }

    private mutating func again(_ why: String) -> Outcome {
        begin()
        return .readAgain(why: why)
    }

    private mutating func other(_ why: String) -> Outcome {
        begin()
        return .otherHistory(why: why)
    }
}
