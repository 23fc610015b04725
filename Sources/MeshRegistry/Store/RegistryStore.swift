package import MeshConfig
package import MeshTypes

/// All sources of a node, put together (R2.2): keeps what each said last, and tells of each change of the whole.
package actor RegistryStore {
    /// Reports that come within this time make one change.
    package static let coalescing = Duration.milliseconds(20)
    /// What changed is kept in the state directory this often, and at the end.
    private static let archiving = Duration.seconds(5)

    private let configuration: NodeConfiguration.Registry
    private let node: Node
    private let archive: RecordArchive?
    private let note: @Sendable (RegistryEvent) -> Void
    private let apply: @Sendable (RegistryState) async -> Void
    private let announce: @Sendable (NodeAnnouncement) async -> Void
    private let moment: @Sendable () -> Moment
    private var ledgers: [SourceName: SourceLedger] = [:]
    private var unkept: Set<SourceName> = []
    /// Who is the endpoint at an address, and stays it whoever else says so.
    private var claims: EndpointClaims?
    private var isScheduled = false
    private var isMerging = false
    private var mustMergeAgain = false
    private var knownProblems: Set<RegistryProblem> = []
    private var knownDrops: [SourceName: Set<DocumentError>] = [:]
    /// This node takes no new calls: it is about to stop.
    package private(set) var isDraining = false
    /// Other nodes are told that it is about to stop; here it goes on until it does.
    private var isLeaving = false
    package private(set) var state = RegistryState.empty
    package private(set) var problems: [RegistryProblem] = []
    package private(set) var problemCount = 0

    /// - Parameters:
    ///   - node: this one; a node knows itself, whether or not a source does.
    ///   - archive: nil to keep nothing.
    ///   - apply: gets each new state; one after the other.
    ///   - announce: gets what other nodes are to be told, also when it has not changed.
    package init(
        _ configuration: NodeConfiguration.Registry, node: Node, archive: RecordArchive?,
        moment: @escaping @Sendable () -> Moment = { Moment.now }, note: @escaping @Sendable (RegistryEvent) -> Void,
        apply: @escaping @Sendable (RegistryState) async -> Void,
        announce: @escaping @Sendable (NodeAnnouncement) async -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.node = node
        self.archive = archive
        self.moment = moment
        self.note = note
        self.apply = apply
        self.announce = announce
    }

    /// Makes a source known, with what it said to a daemon before this one.
    package func add(_ name: SourceName) {
        guard ledgers[name] == nil else { return }
        var ledger = SourceLedger(name, grace: configuration.lossGrace, now: moment())
        if let archive, !name.kind.isLocal {
            do throws(ArchiveFailure) {
                if let kept = try archive.load(name) {
                    ledger.remember(kept.records, said: kept.said)
                    note(.remembered(name, records: kept.records.count))
                }
            } catch { note(.archive(name, error)) }
        }
        ledgers[name] = ledger
    }

    package func receive(_ report: SourceReport, from name: SourceName) {
        add(name)
        let now = moment()
        guard let change = ledgers[name]?.receive(report, now: now) else { return }
        if case .records(_, let said) = report { tellDrops(said.dropped, of: name) }
        settle(change, of: name)
    }

    /// The operator says that a source which is held is right to have lost its records.
    /// - Returns: false when it is not held.
    package func accept(_ name: SourceName) -> Bool {
        guard let change = ledgers[name]?.accept(now: moment()), !change.isEmpty else { return false }
        note(.emptied(name))
        settle(change, of: name)
        return true
    }

    package func drain(_ isDraining: Bool) {
        guard self.isDraining != isDraining else { return }
        self.isDraining = isDraining
        schedule()
    }

    /// Others are told to send nothing here any more.
    package func leave() async {
        isLeaving = true
        await merge()
    }

    package var names: [SourceName] { configuration.ranked(ledgers.keys) }

    package var statuses: [SourceStatus] {
        names.enumerated().compactMap { rank, name in ledgers[name].map { SourceStatus($0, rank: rank + 1, now: moment().date) } }
    }

    /// Records that single sources left out.
    package var dropped: [(source: SourceName, error: DocumentError)] {
        names.flatMap { name in (ledgers[name]?.note.dropped ?? []).map { (name, $0) } }
    }

    /// Runs the sources until cancelled.
    package func run(_ sources: [any RegistrySource]) async {
        for source in sources { add(source.name) }
        await withTaskGroup { group in
            for source in sources {
                group.addTask { await source.run { await self.receive($0, from: source.name) } }
            }
            group.addTask { await self.keepArchive() }
            await group.waitForAll()
        }
        // What was last said without a change counts as said now.
        unkept.formUnion(ledgers.keys)
        await archiveAll()
    }

    /// Puts together and applies now what would be after the coalescing time.
    package func flush() async { await merge() }

    private func settle(_ change: SourceLedger.Change, of name: SourceName) {
        guard let ledger = ledgers[name] else { return }
        if change.contains(.condition) { tell(ledger) }
        if change.contains(.records) {
            unkept.insert(name)
            schedule()
        }
    }

    private func tell(_ ledger: SourceLedger) {
        switch ledger.condition {
        case .waiting: break
        case .healthy: note(.healthy(ledger.name, records: ledger.records?.count ?? 0))
        case .failing(let failure): note(.failing(ledger.name, failure))
        case .held:
            note(.held(ledger.name, kept: ledger.records?.count ?? 0, grace: configuration.lossGrace))
            let name = ledger.name
            Task {
                try? await Task.sleep(for: configuration.lossGrace)
                self.endHold(name)
            }
        }
    }

    private func endHold(_ name: SourceName) {
        guard let change = ledgers[name]?.settle(now: moment()), !change.isEmpty else { return }
        note(.emptied(name))
        settle(change, of: name)
    }

    private func tellDrops(_ dropped: [DocumentError], of name: SourceName) {
        for error in dropped where knownDrops[name]?.contains(error) != true { note(.dropped(name, error)) }
        knownDrops[name] = Set(dropped)
    }

    private func schedule() {
        guard !isScheduled else { return }
        isScheduled = true
        Task {
            try? await Task.sleep(for: Self.coalescing)
            await self.merge()
        }
    }

    /// One at a time, so that an older state never follows a newer one.
    private func merge() async {
        isScheduled = false
        guard !isMerging else {
            mustMergeAgain = true
            return
        }
        isMerging = true
        repeat {
            mustMergeAgain = false
            await mergeOnce()
        } while mustMergeAgain
        isMerging = false
    }

    private func mergeOnce() async {
        let sources = names.compactMap { name in ledgers[name]?.records.map { (name: name, records: $0) } }
        let merge = RegistryMerge(sources, itself: node, isDraining: isDraining, after: claims)
        claims = merge.claims
        problems = merge.problems
        problemCount = merge.problemCount
        for problem in problems where !knownProblems.contains(problem) { note(.problem(problem)) }
        knownProblems = Set(problems)
        if merge.state != state {
            state = merge.state
            await apply(merge.state)
        }
        let own = sources.filter(\.name.kind.isAnnounced).map { (name: $0.name, records: $0.records.delivered(by: node.name)) }
        let found = RegistryMerge(own, itself: node, isDraining: isDraining).state
        await announce(NodeAnnouncement(found, of: node, isDraining: isDraining || isLeaving))
    }

    private func keepArchive() async {
        while !Task.isCancelled {
            do { try await Task.sleep(for: Self.archiving) } catch { return }
            await archiveAll()
        }
    }

    private func archiveAll() async {
        guard let archive else { return }
        for name in unkept.sorted() where !name.kind.isLocal {
            unkept.remove(name)
            guard let ledger = ledgers[name], let records = ledger.records, let said = ledger.recordsSaid else { continue }
            // Encoding takes long and needs nothing of the store.
            let result = await Task.detached(priority: .utility) {
                Result { () throws(ArchiveFailure) in try archive.keep(records, of: name, said: said) }
            }.value
            if case .failure(let failure) = result { note(.archive(name, failure)) }
        }
        unkept.removeAll()
    }
}
