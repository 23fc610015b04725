/// What the owner of a session may be told of each of its streams, by the contract of the handlers.
struct StreamLives {
    private enum Life { case open, halfClosed, over }

    private var lives: [UInt64: Life] = [:]
    private var nextToken: UInt64 = 1
    /// The first breach.
    private(set) var problem: String?
    var connectionFailed = false

    /// A stream that the owner knows from now on by the token.
    mutating func begin() -> UInt64 {
        defer { nextToken += 1 }
        lives[nextToken] = .open
        return nextToken
    }

    mutating func note(_ problem: String) { if self.problem == nil { self.problem = problem } }

    mutating func heard(_ token: UInt64, _ what: String) {
        if connectionFailed { note("\(what) after the connection's failure") }
        switch lives[token] {
        case nil: note("\(what) of an unknown stream")
        case .over: note("\(what) of a stream that is over")
        case .open, .halfClosed: break
        }
    }

    mutating func gotData(_ token: UInt64) {
        heard(token, "data")
        if lives[token] == .halfClosed { note("data after its end") }
    }

    mutating func gotEnd(_ token: UInt64) {
        heard(token, "an end")
        if lives[token] == .halfClosed { note("two ends") }
        if lives[token] == .open { lives[token] = .halfClosed }
    }

    mutating func end(_ token: UInt64) { lives[token] = .over }
}
