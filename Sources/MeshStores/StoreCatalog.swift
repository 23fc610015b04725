internal import MeshConfig
internal import MeshRegistry
internal import MeshTypes

/// The records of one store by their keys, each read and judged once, when it changed.
struct StoreCatalog {
    /// What became of one key's value.
    enum Entry {
        /// Written by an operator, or a node of itself.
        case records(RegistryRecords)
        /// A service with the one endpoint that a node announced.
        case endpoint(RegistryRecords.Service, SignedAnnouncement.Validity)
        /// A service with the one endpoint that something else registered, and perhaps the node of it.
        case foreign(RegistryRecords)
        case dropped(AnnouncementRefusal, DocumentErrors)

        /// The node that announced it, or announced itself by it.
        var announcer: String? {
            switch self {
            case .records(let records): records.nodes.first?.announcer
            case .endpoint(let service, _): service.endpoints.first?.announcer
            case .foreign, .dropped: nil
            }
        }
    }

    private var entries: [String: Entry] = [:]
    /// Keys of what the store takes for left behind by a node that fell silent.
    private var silent: Set<String> = []
    /// What nodes announced, and the store has not kept over an interruption: they could not reach it either, so that is no word of theirs. It holds
    /// until its node has announced itself again, or the grace ends.
    private var kept: [String: Entry] = [:]
    /// How many are left out now, by reason.
    private(set) var refusals: [AnnouncementRefusal: Int] = [:]
    /// Seconds since the epoch: then some record begins or ends to hold.
    private(set) var nextChange = Int64.max

    /// Keys, also those of records that are left out.
    var count: Int { entries.count }

    subscript(key: String) -> Entry? {
        get { entries[key] }
        set {
            entries[key] = newValue
            silent.remove(key)
            kept[key] = nil
        }
    }

    /// What a node left that the store takes for silent by now.
    mutating func set(_ key: String, silent entry: Entry) {
        keep(key)
        entries[key] = entry
        silent.insert(key)
    }

    /// It is gone since an interruption.
    mutating func lose(_ key: String) {
        keep(key)
        entries[key] = nil
        silent.remove(key)
    }

    /// All of it is gone, or will be read again.
    mutating func loseAll() {
        for key in entries.keys { keep(key) }
        entries.removeAll(keepingCapacity: true)
        silent = []
    }

    private mutating func keep(_ key: String) {
        guard let entry = entries[key], entry.announcer != nil, !silent.contains(key) else { return }
        kept[key] = entry
    }

    /// Everything that holds at `now`, each service once: an operator's record says its port and protocol, and failing that the first of those
    /// that announce it.
    ///
    /// - Parameter grace: what held until then still holds.
    mutating func records(now: Int64, grace: ExpiryGrace? = nil) -> (records: RegistryRecords, dropped: [DocumentError]) {
        let expiry = grace?.expiry(now) ?? now
        var collected = RegistryRecords()
        var dropped: [DocumentError] = []
        refusals = [:]
        nextChange = .max
        var announced: [RegistryRecords.Service] = []
        var foreignNodes: [RegistryRecords.NodeRecord] = []
        settle(now, grace)
        // In order of their keys, so that every node and every report prefers the same.
        for (_, entry) in entries.merging(kept, uniquingKeysWith: { _, kept in kept }).sorted(by: { $0.key < $1.key }) {
            switch entry {
            case .records(let records): collected.append(records)
            case .endpoint(let service, let validity):
                if now < validity.from { nextChange = min(nextChange, validity.from) }
                if now < validity.until { nextChange = min(nextChange, validity.until) }
                if expiry < validity.until, now >= validity.until, let grace { nextChange = min(nextChange, grace.end) }
                guard validity.from <= now, expiry < validity.until else {
                    note(.stale, AnnouncementRefusal.stale.errors(at: service.location.file).errors, &dropped)
                    continue
                }
                announced.append(service)
            case .foreign(let records):
                announced += records.services
                foreignNodes += records.nodes
            case .dropped(let refusal, let errors): note(refusal, errors.errors, &dropped)
            }
        }
        Self.add(announced, to: &collected)
        var names = Set(collected.nodes.map(\.node.name))
        for record in foreignNodes where names.insert(record.node.name).inserted { collected.nodes.append(record) }
        return (collected, dropped)
    }

    /// Forgets what was kept of nodes that have spoken since, and of all when the grace is over.
    private mutating func settle(_ now: Int64, _ grace: ExpiryGrace?) {
        guard !kept.isEmpty else { return }
        guard let grace, now < grace.end else {
            kept = [:]
            return
        }
        let speaking = Set(
            entries.compactMap { key, entry in if case .records = entry, !silent.contains(key) { entry.announcer } else { nil } })
        kept = kept.filter { _, entry in !speaking.contains(entry.announcer ?? "") }
        if !kept.isEmpty { nextChange = min(nextChange, grace.end) }
    }

    private static func add(_ announced: [RegistryRecords.Service], to collected: inout RegistryRecords) {
        var places: [ServiceIdentity: Int] = [:]
        for (index, service) in collected.services.enumerated() where places[service.identity] == nil { places[service.identity] = index }
        for service in announced {
            if let place = places[service.identity] {
                collected.services[place].endpoints += service.endpoints
            } else {
                places[service.identity] = collected.services.count
                collected.services.append(service)
            }
        }
    }

    private mutating func note(_ refusal: AnnouncementRefusal, _ errors: [DocumentError], _ dropped: inout [DocumentError]) {
        refusals[refusal, default: 0] += 1
        guard dropped.count < RegistryBounds.problems else { return }
        dropped += errors
    }
}

/// Nodes can neither sign again nor keep their leases while the store is away. When it is back, each needs a moment; until then, what held
/// when it was lost holds on.
struct ExpiryGrace {
    /// Seconds; nodes try again after at most 2.
    private static let length: Int64 = 30

    /// Seconds since the epoch, as all times here.
    let lost: Int64
    let end: Int64

    init(lost: Int64, back: Int64) {
        self.lost = lost
        end = back + Self.length
    }

    /// By which time the ends of records are judged at `now`.
    func expiry(_ now: Int64) -> Int64 { now < end ? min(lost, now) : now }
}
