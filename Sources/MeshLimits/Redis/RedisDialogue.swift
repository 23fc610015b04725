package import MeshResilience

/// What is said on one connection to Redis, in order: who we are, whether the script may run, then orders and their answers. A value: the
/// shell sends what it returns. Times are monotonic nanoseconds.
package struct RedisDialogue: Sendable {
    package enum Event: Equatable, Sendable {
        case nothing
        /// Orders may be sent.
        case ready
        case answers([LeaseAnswer])
        /// Redis did not know the script: its text.
        case send(RESPCommand)
        /// The connection is of no use any more.
        case failed(String)
    }

    private enum Question: Sendable {
        case login
        case database
        case probe
        case leases([LeaseOrder], isWhole: Bool)
    }

    private struct Asked: Sendable {
        let question: Question
        let deadline: UInt64
    }

    /// Commands that are under way at one moment.
    package static let maximumUnderWay = 8
    /// Nanoseconds for all of the greeting, TLS included.
    package static let greetingTime: UInt64 = 2_000_000_000
    /// Of an error of Redis, the characters that are shown.
    private static let shownError = 200

    private let prefix: String
    /// Nanoseconds for each command.
    private let timeout: UInt64
    private var underWay: [Asked] = []
    private var isReady = false

    /// - Parameter prefix: of all keys.
    package init(prefix: String, timeout: UInt64) {
        self.prefix = prefix
        self.timeout = timeout
    }

    /// Login, database, and the script itself on a key of its own: an account that may not run it, or a server that takes no writes, shows now.
    package mutating func greet(username: String?, password: String?, database: Int, now: UInt64) -> [RESPCommand] {
        let deadline = now + Self.greetingTime
        var commands: [RESPCommand] = []
        if let password {
            commands.append(RESPCommand(["AUTH"] + (username.map { [$0] } ?? []) + [password]))
            underWay.append(Asked(question: .login, deadline: deadline))
        }
        if database != 0 {
            commands.append(RESPCommand(["SELECT", "\(database)"]))
            underWay.append(Asked(question: .database, deadline: deadline))
        }
        let probe = LeaseOrder(number: 0, name: "probe", requests: 1, period: 1_000_000_000, burst: 1, tokens: 0)
        commands.append(LeaseScript.command([probe], prefix: prefix, isWhole: true))
        underWay.append(Asked(question: .probe, deadline: deadline))
        return commands
    }

    /// More may be sent.
    package var hasRoom: Bool { isReady && underWay.count < Self.maximumUnderWay }

    package mutating func order(_ orders: [LeaseOrder], now: UInt64) -> RESPCommand {
        underWay.append(Asked(question: .leases(orders, isWhole: false), deadline: now + timeout))
        return LeaseScript.command(orders, prefix: prefix, isWhole: false)
    }

    /// When something must have been answered; nil while nothing was asked.
    package var deadline: UInt64? { underWay.map(\.deadline).min() }

    package mutating func receive(_ reply: RESPValue) -> Event {
        guard !underWay.isEmpty else { return .failed("it spoke without being asked") }
        let asked = underWay.removeFirst()
        if case .failure(let text) = reply {
            // A server that was restarted, or whose scripts were flushed, has forgotten it.
            if case .leases(let orders, false) = asked.question, text.hasPrefix("NOSCRIPT") {
                underWay.append(Asked(question: .leases(orders, isWhole: true), deadline: asked.deadline))
                return .send(LeaseScript.command(orders, prefix: prefix, isWhole: true))
            }
            return .failed(Self.refusal(of: asked.question) + ": " + String(text.prefix(Self.shownError)))
        }
        switch asked.question {
        case .login, .database: return reply == .status("OK") ? .nothing : .failed("it does not speak as Redis does")
        case .probe:
            guard case .array(let values?) = reply, values.count == 2 else { return .failed("it does not speak as Redis does") }
            isReady = true
            return .ready
        case .leases(let orders, _):
            return LeaseScript.answers(reply, to: orders).map { .answers($0) } ?? .failed("its answer is none that was asked for")
        }
    }

    private static func refusal(of question: Question) -> String {
        switch question {
        case .login: "it refuses the login"
        case .database: "it refuses the database"
        case .probe, .leases: "it refuses the script"
        }
    }
}
