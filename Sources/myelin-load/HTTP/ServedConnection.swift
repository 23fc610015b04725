/// One connection of the HTTP server, and the request on it that is not answered yet.
struct ServedConnection {
    /// The other end, as the accepted socket tells it.
    let peer: String
    /// Tells connections apart that had the same descriptor.
    let number: UInt64
    var reader = HTTPReader()
    var head: HTTPHead?
    /// Bytes of the request's body.
    var received = 0
    /// The answer is due later.
    var isWaiting = false
    /// Answers that did not fit into the socket.
    var unsent: [UInt8] = []
    var closesAfterAnswer = false
    /// No more will come.
    var hasEnded = false

    /// `POST`, `/a`, `x=1`.
    var method: String { head?.start[0] ?? "" }
    var path: Substring { head?.start[1].prefix { $0 != "?" } ?? "" }
    var query: Substring { head?.start[1].drop { $0 != "?" }.dropFirst() ?? "" }
}

/// Answers that are due later, the soonest first. Most are due later than all before them.
struct DueAnswers {
    struct Entry {
        let due: UInt64
        let socket: Int32
        let number: UInt64
    }

    private var entries: [Entry] = []
    private var first = 0

    /// Those that are taken are dropped once there are so many.
    private static let slack = 1024

    var next: UInt64? { first < entries.count ? entries[first].due : nil }

    mutating func add(_ entry: Entry) {
        var place = entries.count
        while place > first, entries[place - 1].due > entry.due { place -= 1 }
        entries.insert(entry, at: place)
    }

    mutating func take(now: UInt64) -> Entry? {
        guard let next, next <= now else { return nil }
        defer {
            first += 1
            if first >= Self.slack {
                entries.removeFirst(first)
                first = 0
            }
        }
        return entries[first]
    }
}
