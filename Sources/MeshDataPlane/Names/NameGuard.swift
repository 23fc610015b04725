package import MeshProtocols
package import MeshTypes

/// Why a name outside the mesh is not asked for a workload.
package enum NameRefusal: String, Sendable, CaseIterable {
    /// `dns.names` of the service's policy does not have it.
    case notListed = "not_listed"
    /// Records of that type are no host's, no service's and no key's.
    case type
    /// What stands below a wildcard is longer and more random than names are.
    case random
    /// The workload asks too often.
    case rate
    /// The names of a wildcard that the workload asked for lately say too much together.
    case information
}

/// What of the names outside the mesh is asked for whom: the line between looking a host up and carrying data out. Pure; times are
/// nanoseconds of a clock that only goes forward.
package struct NameGuard: Sendable {
    package enum Verdict: Equatable, Sendable {
        /// - Parameter bits: what whoever asks may say by the name.
        case permitted(bits: Int)
        case refused(NameRefusal)
    }

    /// What one workload has left.
    private struct Share {
        var questions: Double
        var bits: Double
        var reports: Double
        /// Reports that were left out since the last one.
        var omitted: UInt64 = 0
        var at: UInt64
    }

    /// What programs ask for: hosts (A, AAAA, CNAME, HTTPS, SVCB), services (SRV, NAPTR, URI, MX), names (PTR), keys and promises (TXT, CAA, TLSA,
    /// SSHFP, SMIMEA, OPENPGPKEY), zones and their signatures. Of the rest NULL and private numbers are known from tunnels alone.
    package static let types: Set<DNSType> = AllowedNames.zoneTypes.union([
        .a, .aaaa, .cname, .dname, .ptr, .mx, .txt, .srv, .any, .naptr, .nsec, .nsec3, .nsec3param, .tlsa, .sshfp, .smimea, .cds, .cdnskey,
        .openpgpkey, .svcb, .https, .uri, .caa, .loc,
    ])

    package let options: NameGuardOptions
    private var shares: [WorkloadID: Share] = [:]

    package init(_ options: NameGuardOptions) { self.options = options }

    /// What does not depend on what was asked before.
    package func verdict(on question: DNSQuestion, _ allowed: AllowedNames) -> Verdict {
        let match = allowed.match(question.name)
        let free: Int
        switch match {
        case .exactly: free = 0
        case .below(let labels): free = labels
        case .above where AllowedNames.zoneTypes.contains(question.type): free = 0
        case .above, .nothing: return .refused(.notListed)
        }
        guard Self.types.contains(question.type) else { return .refused(.type) }
        let bits = NameInformation.bits(in: question.name, first: free)
        return bits <= options.bitsOfName ? .permitted(bits: bits) : .refused(.random)
    }

    /// Takes what a question to an upstream costs; nothing where that is refused.
    package mutating func charge(_ workload: WorkloadID, bits: Int, now: UInt64) -> NameRefusal? {
        var share = share(of: workload, now)
        defer { shares[workload] = share }
        guard share.questions >= 1 else { return .rate }
        guard share.bits >= Double(bits) else { return .information }
        share.questions -= 1
        share.bits -= Double(bits)
        return nil
    }

    /// May one more refusal be reported. - Returns: how many were not, since the last that was; nil if this one is not either.
    package mutating func report(of workload: WorkloadID, now: UInt64) -> UInt64? {
        var share = share(of: workload, now)
        defer { shares[workload] = share }
        guard share.reports >= 1 else {
            share.omitted += 1
            return nil
        }
        defer { share.omitted = 0 }
        share.reports -= 1
        return share.omitted
    }

    /// Forgets workloads that asked nothing for so long that their share is whole again.
    package mutating func sweep(now: UInt64) {
        guard shares.count > Self.unswept else { return }
        shares = shares.filter { now &- $0.value.at < Self.memory }
    }

    private static let unswept = 256
    /// Longer than any share takes to fill.
    private static let memory: UInt64 = 600_000_000_000

    private func share(of workload: WorkloadID, _ now: UInt64) -> Share {
        guard var share = shares[workload] else {
            return Share(
                questions: Double(options.questionsAtOnce), bits: Double(options.bitsAtOnce), reports: Double(options.reportsAtOnce),
                at: now)
        }
        let seconds = Double(now &- share.at) / 1e9
        share.questions = min(Double(options.questionsAtOnce), share.questions + seconds * Double(options.questionsPerSecond))
        share.bits = min(Double(options.bitsAtOnce), share.bits + seconds * Double(options.bitsPerSecond))
        share.reports = min(Double(options.reportsAtOnce), share.reports + seconds * options.reportsPerSecond)
        share.at = now
        return share
    }
}

/// How much may be asked. Cached answers cost nothing.
package struct NameGuardOptions: Sendable {
    /// What is refused is not asked; else it is only counted and reported.
    package var isEnforced = true
    /// Questions of one workload to upstreams.
    package var questionsPerSecond = 100
    package var questionsAtOnce = 200
    /// What one name may say below its wildcard (`NameInformation`). The longest that are in use say 280: the name of a load balancer with a digest
    /// in it, a content identifier of IPFS. Two full labels of base32 say 550.
    package var bitsOfName = 320
    /// What the names of one workload may say together: 8 KiB at once, then 512 bytes a second.
    package var bitsPerSecond = 4096
    package var bitsAtOnce = 65_536
    /// Refusals of one workload that are logged.
    package var reportsPerSecond = 0.1
    package var reportsAtOnce = 10

    package init() {}
}

/// A refusal, as the log has it.
package struct NameRefusalReport: Sendable {
    package let workload: WorkloadID
    package let service: ServiceID
    package let question: DNSQuestion
    package let refusal: NameRefusal
    /// Refusals of the same workload that were not reported, since the last that was.
    package let omitted: UInt64
}
