internal import MeshConfig
internal import MeshProtocols
internal import MeshTypes

/// Finds the addresses of one service with questions to a resolver; asks nothing itself.
struct DNSLookup {
    /// Addresses of one service.
    static let maximumAddresses = 256
    private static let maximumTargets = 64
    /// Names that lead to another one, in one answer.
    private static let longestChain = 8

    struct Found: Equatable {
        let address: SocketAddress
        let weight: Int
    }

    /// What a service has, and for how many seconds that holds.
    struct Result: Equatable {
        var found: [Found] = []
        var timeToLive: UInt32 = .max
    }

    /// An answer to one question: any code but success and "no such name" is an error already.
    typealias Ask = (DNSQuestion) async throws(StoreError) -> DNSMessage

    let ask: Ask

    func addresses(_ service: NodeConfiguration.Stores.DNSService) async throws(StoreError) -> Result {
        switch service.lookup {
        case .address(let host):
            var result = Result()
            try await add(name(host), port: service.port, weight: 1, known: [], to: &result)
            return result
        case .srv(let text): return try await targets(name(text))
        }
    }

    /// RFC 2782: of the targets with the lowest priority number, each with its weight. The target `.` says that there is decidedly none.
    private func targets(_ name: DNSName) async throws(StoreError) -> Result {
        let message = try await ask(DNSQuestion(name: name, type: .srv))
        var result = Result()
        let (records, time) = Self.records(of: name, in: message)
        result.timeToLive = time
        let targets = records.compactMap { record -> (priority: UInt16, weight: UInt16, port: UInt16, target: DNSName)? in
            guard case .srv(let priority, let weight, let port, let target) = record.data, target != .root, port > 0 else { return nil }
            return (priority, weight, port, target)
        }
        guard let first = targets.map(\.priority).min() else { return result }
        let chosen = targets.filter { $0.priority == first }
        guard chosen.count <= Self.maximumTargets else { throw .tooMuch("more than \(Self.maximumTargets) targets of \(name)") }
        for target in chosen {
            try await add(
                target.target, port: target.port, weight: max(1, min(10_000, Int(target.weight))), known: message.additional, to: &result)
        }
        return result
    }

    /// - Parameter known: records that came along with the name.
    private func add(_ host: DNSName, port: UInt16, weight: Int, known: [DNSRecord], to result: inout Result) async throws(StoreError) {
        var addresses = known.filter { $0.name == host }
        if !addresses.contains(where: { $0.address != nil }) {
            addresses = []
            for type in [DNSType.a, .aaaa] {
                let (records, time) = Self.records(of: host, in: try await ask(DNSQuestion(name: host, type: type)))
                addresses += records
                result.timeToLive = min(result.timeToLive, time)
            }
        }
        for record in addresses {
            guard let ip = record.address else { continue }
            result.timeToLive = min(result.timeToLive, record.timeToLive)
            let address = SocketAddress(ip: ip, port: port)
            guard !result.found.contains(where: { $0.address == address }) else { continue }
            guard result.found.count < Self.maximumAddresses else { throw .tooMuch("more than \(Self.maximumAddresses) addresses") }
            result.found.append(Found(address: address, weight: weight))
        }
    }

    private func name(_ text: String) throws(StoreError) -> DNSName {
        guard let name = DNSName(text) else { throw .malformed("\(text) is no name that DNS can carry") }
        return name
    }

    /// The records at the end of the chain of CNAMEs that begins at `name`, and for how long all of that holds. Without any, it is the time
    /// for which the absence holds (RFC 2308 §5).
    private static func records(of name: DNSName, in message: DNSMessage) -> (records: [DNSRecord], timeToLive: UInt32) {
        var name = name
        var time = UInt32.max
        for _ in 0..<longestChain {
            let here = message.answers.filter { $0.name == name }
            let alias = here.compactMap { record -> (DNSName, UInt32)? in
                if case .cname(let target) = record.data { return (target, record.timeToLive) }
                return nil
            }.first
            guard let alias else {
                guard here.isEmpty else { return (here, here.reduce(time) { min($0, $1.timeToLive) }) }
                break
            }
            name = alias.0
            time = min(time, alias.1)
        }
        for record in message.authority {
            if case .soa(let soa) = record.data { return ([], min(time, record.timeToLive, soa.minimum)) }
        }
        return ([], min(time, 0))
    }
}

extension DNSRecord {
    fileprivate var address: IPAddress? {
        switch data {
        case .a(let address), .aaaa(let address): address
        default: nil
        }
    }
}
