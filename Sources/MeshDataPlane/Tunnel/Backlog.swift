/// Bytes that came on a connection of many streams and were not passed on yet. The connection's window stays open while they are few; each
/// stream's own window bounds what it can add.
struct Backlog: BitwiseCopyable {
    private(set) var bytes = 0
    /// Bytes whose credit for the connection's window is withheld.
    private var withheld = 0
    let limit: Int

    init(limit: Int) { self.limit = limit }

    /// - Parameter waiting: those of the received bytes that could not be passed on.
    /// - Returns: credit to give for the connection's window.
    mutating func take(_ received: Int, waiting: Int) -> Int {
        bytes += waiting
        guard bytes > limit else { return received }
        withheld += received
        return 0
    }

    /// - Returns: credit to give for the connection's window.
    mutating func release(_ count: Int) -> Int {
        bytes -= count
        guard withheld > 0, bytes <= limit else { return 0 }
        defer { withheld = 0 }
        return withheld
    }
}
