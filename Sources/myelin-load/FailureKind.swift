import Glibc

/// Why a connection or an operation on it did not succeed.
enum FailureKind: Int, CaseIterable, Sendable {
    /// Nobody listens, or a mesh answered for a dead endpoint (ECONNREFUSED).
    case refused
    /// The mesh's connect hook, or a firewall, said no (EPERM, EACCES).
    case denied
    case reset
    /// The other end closed before it had answered.
    case closedEarly
    case timedOut
    case unreachable
    /// What came back is not what was sent.
    case corrupted
    /// All source ports towards the target are taken (EADDRNOTAVAIL).
    case noFreePort
    /// The limit of open files was reached (EMFILE, ENFILE).
    case noDescriptor
    case other

    init(errno code: Int32) {
        switch code {
        case ECONNREFUSED: self = .refused
        case EPERM, EACCES: self = .denied
        case ECONNRESET, EPIPE, ECONNABORTED: self = .reset
        case ETIMEDOUT: self = .timedOut
        case EHOSTUNREACH, ENETUNREACH: self = .unreachable
        case EADDRNOTAVAIL, EAGAIN: self = .noFreePort
        case EMFILE, ENFILE: self = .noDescriptor
        default: self = .other
        }
    }

    /// As it stands in the JSON.
    var name: String { "\(self)" }

    var text: String {
        switch self {
        case .refused: "refused"
        case .denied: "denied (operation not permitted)"
        case .reset: "reset by the other end"
        case .closedEarly: "closed before the answer"
        case .timedOut: "timed out"
        case .unreachable: "host or network unreachable"
        case .corrupted: "answered with other bytes than were sent"
        case .noFreePort: "without a free source port (more with --source or a wider ip_local_port_range)"
        case .noDescriptor: "without a free file descriptor"
        case .other: "failed otherwise"
        }
    }
}

/// How many of each kind.
struct FailureCounts: Sendable {
    private var counts = [Int](repeating: 0, count: FailureKind.allCases.count)
    /// The first error number that no kind stands for; 0 for none.
    private(set) var unknown: Int32 = 0

    mutating func count(_ kind: FailureKind, errno code: Int32 = 0) {
        counts[kind.rawValue] += 1
        if kind == .other, unknown == 0 { unknown = code }
    }

    mutating func add(_ other: FailureCounts) {
        for index in counts.indices { counts[index] += other.counts[index] }
        if unknown == 0 { unknown = other.unknown }
    }

    var total: Int { counts.reduce(0, +) }

    var byName: [String: Int] {
        var named: [String: Int] = [:]
        for kind in FailureKind.allCases where counts[kind.rawValue] > 0 { named[kind.name] = counts[kind.rawValue] }
        return named
    }

    /// `3 refused, 1 timed out`; empty without any.
    var text: String {
        FailureKind.allCases.filter { counts[$0.rawValue] > 0 }.map { kind in
            let cause = kind == .other && unknown != 0 ? " (\(String(cString: strerror(unknown))))" : ""
            return "\(counts[kind.rawValue]) \(kind.text)\(cause)"
        }.joined(separator: ", ")
    }
}
