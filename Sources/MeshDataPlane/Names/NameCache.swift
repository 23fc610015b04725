package import MeshProtocols
package import MeshTypes

/// What an answer is kept under: those who ask differently may get different answers.
package struct NameKey: Hashable, Sendable {
    package let question: DNSQuestion
    package let wishes: UpstreamQuestion.Wishes
    /// The server that the workload asked, where that decides.
    package let server: SocketAddress?

    package init(question: DNSQuestion, wishes: UpstreamQuestion.Wishes, server: SocketAddress?) {
        self.question = question
        self.wishes = wishes
        self.server = server
    }
}

/// An answer that came from upstream.
package struct KeptAnswer: Sendable {
    package let image: DNSImage
    /// The upstream's bit AD.
    package let isVerified: Bool

    package init(image: DNSImage, isVerified: Bool) {
        self.image = image
        self.isVerified = isVerified
    }
}

/// Answers of upstreams, within a bound of bytes in all and of one workload; the least recently used makes room. Pure; times are
/// nanoseconds of a clock that only goes forward.
package struct NameCache: Sendable {
    package enum Finding {
        case fresh(KeptAnswer, age: UInt32)
        /// It has run out; `asks` unless upstream failed to give a newer one a moment ago.
        case stale(KeptAnswer, asks: Bool)
        /// No upstream answered a moment ago.
        case failed
        case nothing
    }

    private struct Entry {
        let key: NameKey
        var answer: KeptAnswer?
        var owner: WorkloadID
        var size: Int
        var stored: UInt64
        var expires: UInt64
        /// When it is asked anew after a failure.
        var retry: UInt64 = 0
    }

    /// What an entry takes beside its answer and its name, about. Bytes.
    package static let overhead = 320

    package let options: NameCacheOptions
    private var places: [NameKey: Int] = [:]
    private var entries: [Entry?] = []
    private var free: [Int] = []
    private var all = RecencyList()
    private var owned: [WorkloadID: (bytes: Int, list: RecencyList.Ends)] = [:]
    private var ownLinks = RecencyList()
    package private(set) var status = NameCacheStatus()

    package init(_ options: NameCacheOptions) {
        self.options = options
        status.capacity = options.capacity
    }

    /// Bytes that one workload's queries may fill.
    private var share: Int { options.capacity / max(1, options.workloadDivisor) }

    package mutating func find(_ key: NameKey, now: UInt64) -> Finding {
        guard let place = places[key], let entry = entries[place] else {
            status.misses += 1
            return .nothing
        }
        guard let answer = entry.answer else {
            status.misses += 1
            if entry.retry > now { return .failed }
            remove(place)
            return .nothing
        }
        if entry.expires > now {
            touch(place)
            status.hits += 1
            return .fresh(answer, age: UInt32(clamping: (now - entry.stored) / 1_000_000_000))
        }
        status.misses += 1
        guard now - entry.expires < UInt64(options.stale) * 1_000_000_000 else {
            remove(place)
            return .nothing
        }
        touch(place)
        return .stale(answer, asks: entry.retry <= now)
    }

    /// An answer that may still be given when there is no newer one.
    package func expired(_ key: NameKey, now: UInt64) -> KeptAnswer? {
        guard let entry = places[key].flatMap({ entries[$0] }), now < entry.expires + UInt64(options.stale) * 1_000_000_000 else {
            return nil
        }
        return entry.answer
    }

    package mutating func noteStaleAnswer() { status.stale += 1 }

    /// - Parameter lifetime: seconds; an answer with 0 is not kept.
    package mutating func insert(_ answer: KeptAnswer, under key: NameKey, lifetime: UInt32, owner: WorkloadID, now: UInt64) {
        if let place = places[key] { remove(place) }
        guard lifetime > 0 else { return }
        add(
            Entry(
                key: key, answer: answer, owner: owner, size: Self.overhead + answer.image.size + key.question.name.wire.count, stored: now,
                expires: now + UInt64(lifetime) * 1_000_000_000))
    }

    /// No upstream answered: it is not asked again for a moment.
    package mutating func noteFailure(of key: NameKey, owner: WorkloadID, now: UInt64) {
        if let place = places[key], entries[place]?.answer != nil {
            entries[place]?.retry = now + options.staleRetry
            return
        }
        if let place = places[key] { remove(place) }
        var entry = Entry(
            key: key, answer: nil, owner: owner, size: Self.overhead + key.question.name.wire.count, stored: now, expires: now)
        entry.retry = now + options.failureRetry
        add(entry)
    }

    // MARK: Bounds

    private mutating func add(_ entry: Entry) {
        guard entry.size <= share else { return }
        while let own = owned[entry.owner], own.bytes + entry.size > share, let oldest = own.list.oldest { evict(oldest) }
        while status.bytes + entry.size > options.capacity, let oldest = all.ends.oldest { evict(oldest) }
        let place = free.popLast() ?? entries.count
        if place == entries.count { entries.append(nil) }
        entries[place] = entry
        places[entry.key] = place
        status.entries += 1
        status.bytes += entry.size
        all.append(place)
        var own = owned[entry.owner] ?? (0, RecencyList.Ends())
        own.bytes += entry.size
        ownLinks.append(place, to: &own.list)
        owned[entry.owner] = own
    }

    private mutating func evict(_ place: Int) {
        status.evictions += 1
        remove(place)
    }

    private mutating func remove(_ place: Int) {
        guard let entry = entries[place] else { return }
        entries[place] = nil
        free.append(place)
        places[entry.key] = nil
        status.entries -= 1
        status.bytes -= entry.size
        all.remove(place)
        guard var own = owned[entry.owner] else { return }
        own.bytes -= entry.size
        ownLinks.remove(place, from: &own.list)
        owned[entry.owner] = own.list.oldest == nil ? nil : own
    }

    /// Used just now.
    private mutating func touch(_ place: Int) {
        all.remove(place)
        all.append(place)
        guard let owner = entries[place]?.owner, var own = owned[owner] else { return }
        ownLinks.remove(place, from: &own.list)
        ownLinks.append(place, to: &own.list)
        owned[owner] = own
    }
}
