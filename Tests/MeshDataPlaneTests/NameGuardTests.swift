import MeshDataPlane
import MeshPolicy
import MeshProtocols
import MeshTypes
import Testing

/// Which names outside the mesh are asked for whom.
struct NameGuardTests {
    private static let workload = WorkloadID(rawValue: 1)
    private static let second: UInt64 = 1_000_000_000

    private static func allowed(_ names: String...) -> AllowedNames { AllowedNames(names.compactMap { ForeignName($0) }) }

    private static func verdict(_ name: String, _ allowed: AllowedNames, _ type: DNSType = .a) -> NameGuard.Verdict {
        NameGuard(NameGuardOptions()).verdict(on: DNSQuestion(name: DNSName(name)!, type: type), allowed)
    }

    @Test func onlyListedNamesAreAsked() {
        let allowed = Self.allowed("api.example.com", "*.cdn.example", "*.eu.cdn.example")
        #expect(allowed.match(DNSName("API.Example.com")!) == .exactly)
        #expect(allowed.match(DNSName("a.b.cdn.example")!) == .below(free: 2))
        #expect(allowed.match(DNSName("a.eu.cdn.example")!) == .below(free: 1), "the narrowest")
        for name in ["x.api.example.com", "www.example.com", "cdn.example.org", "acdn.example"] {
            #expect(allowed.match(DNSName(name)!) == .nothing, "\(name)")
            #expect(Self.verdict(name, allowed) == .refused(.notListed), "\(name)")
        }
        for name in ["cdn.example", "example.com", "com", "."] {
            #expect(allowed.match(DNSName(name)!) == .above, "\(name)")
            #expect(Self.verdict(name, allowed) == .refused(.notListed), "\(name)")
            #expect(Self.verdict(name, allowed, .dnskey) == .permitted(bits: 0), "signatures are verified from above: \(name)")
        }
        #expect(Self.verdict("www.example.com", .none) == .refused(.notListed))
        #expect(Self.verdict(".", Self.allowed("*"), .ns) == .permitted(bits: 0))
    }

    @Test func typesThatOnlyTunnelsAskForAreRefused() {
        let allowed = Self.allowed("*.example.com")
        for type: DNSType in [.a, .aaaa, .https, .svcb, .srv, .txt, .caa, .tlsa, .mx, .naptr] {
            guard case .permitted = Self.verdict("www.example.com", allowed, type) else {
                Issue.record("\(type) is refused")
                continue
            }
        }
        for type: UInt16 in [10, 11, 25, 65280, 65535] {
            #expect(Self.verdict("www.example.com", allowed, DNSType(rawValue: type)) == .refused(.type), "\(type)")
        }
    }

    /// Names as they are in use, with digests and numbers in them.
    @Test(arguments: [
        "d111111abcdef8.cloudfront.net", "e12345.dscb.akamaiedge.net", "r3---sn-4g5ednsl.googlevideo.com",
        "my-bucket-123456789012.s3.eu-central-1.amazonaws.com", "ec2-203-0-113-25.eu-central-1.compute.amazonaws.com",
        "0A1B2C3D4E5F60718293A4B5C6D7E8F9.gr7.us-east-1.eks.amazonaws.com",
        "internal-a3f9c1d27b6e4805912fd0b7c8e6a154-1234567890.us-east-1.elb.amazonaws.com",
        "k8s-default-ingressn-8f3a1c9e2b-0123456789abcdef.elb.us-east-1.amazonaws.com",
        "3b241101-e2bb-4255-8caf-4136c566a962.privatelink.blob.core.windows.net",
        "_3639ac514e785e898d2646601fa951d5.mhbtsbpdnt.acm-validations.aws",
        "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi.ipfs.dweb.link",
        "hsk3n7v2qpxw4jd6zyt5rb8mlgcf9aeu._domainkey.mail.example.com", "123456789012.dkr.ecr.eu-central-1.amazonaws.com",
        "cluster0-shard-00-00.ab1cd.mongodb.net", "_mongodb._tcp.cluster0.ab1cd.mongodb.net",
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "xn--bcher-kva.example",
        "donaudampfschifffahrtselektrizitaetenhauptbetriebswerk.bauunterbeamten.example.com",
    ])
    func ordinaryNamesAreAskedEvenBelowTheWidestWildcard(name: String) {
        guard case .permitted(let bits) = Self.verdict(name, Self.allowed("*")) else {
            Issue.record("\(name) is refused: \(NameInformation.bits(in: DNSName(name)!, first: 9))")
            return
        }
        #expect(bits < 300, "\(name)")
    }

    /// 110 octets in base32, as the known programs write them.
    @Test func encodedNamesAreRefused() {
        var random = SystemRandomNumberGenerator()
        let letters = Array("abcdefghijklmnopqrstuvwxyz234567")
        func label(_ count: Int) -> String { String((0..<count).map { _ in letters.randomElement(using: &random)! }) }
        for _ in 0..<200 {
            let name = "\(label(60)).\(label(60)).\(label(56)).t.evil.example"
            #expect(Self.verdict(name, Self.allowed("*.evil.example")) == .refused(.random), "\(name)")
            let short = "\(label(50)).\(label(50)).evil.example"
            #expect(Self.verdict(short, Self.allowed("*")) == .refused(.random), "\(short)")
        }
        let exact = "\(label(60)).\(label(60)).evil.example"
        #expect(Self.verdict(exact, Self.allowed(exact)) == .permitted(bits: 0), "the operator wrote it")
    }

    // MARK: Shares

    @Test func aWorkloadsQuestionsAreCountedForItAlone() {
        var names = NameGuard(NameGuardOptions())
        for _ in 0..<200 { #expect(names.charge(Self.workload, bits: 0, now: 0) == nil) }
        #expect(names.charge(Self.workload, bits: 0, now: 0) == .rate)
        #expect(names.charge(WorkloadID(rawValue: 2), bits: 0, now: 0) == nil)
        for _ in 0..<50 { #expect(names.charge(Self.workload, bits: 0, now: Self.second / 2) == nil) }
        #expect(names.charge(Self.workload, bits: 0, now: Self.second / 2) == .rate)
    }

    /// Whoever cuts data into names that pass one by one carries out 8 KiB, then 512 bytes a second.
    @Test func whatNamesSayTogetherIsBounded() {
        let options = NameGuardOptions()
        var names = NameGuard(options)
        var said = 0
        for step in 0..<6000 as Range<UInt64> where names.charge(Self.workload, bits: 300, now: step * Self.second / 100) == nil {
            said += 300
        }
        #expect((options.bitsAtOnce - 300...options.bitsAtOnce + 60 * options.bitsPerSecond).contains(said), "\(said)")
        #expect(names.charge(Self.workload, bits: 300, now: 60 * Self.second) == .information)
        #expect(names.charge(Self.workload, bits: 0, now: 60 * Self.second) == nil, "names that the operator wrote say nothing")
    }

    @Test func reportsAreBoundedAndSayWhatWasLeftOut() {
        var names = NameGuard(NameGuardOptions())
        let first = (0..<30).map { _ in names.report(of: Self.workload, now: 0) }
        #expect(first.prefix(10).allSatisfy { $0 == 0 } && first.dropFirst(10).allSatisfy { $0 == nil })
        #expect(names.report(of: WorkloadID(rawValue: 2), now: 0) == 0)
        #expect(names.report(of: Self.workload, now: 11 * Self.second) == 20)
        #expect(names.report(of: Self.workload, now: 11 * Self.second) == nil)
    }

    @Test func sharesThatAreWholeAgainAreForgotten() {
        var names = NameGuard(NameGuardOptions())
        for number in 0..<1000 as Range<UInt32> {
            for _ in 0..<200 { _ = names.charge(WorkloadID(rawValue: number), bits: 0, now: 0) }
        }
        names.sweep(now: 0)
        #expect(names.charge(WorkloadID(rawValue: 7), bits: 0, now: 0) == .rate, "not before")
        names.sweep(now: 601 * Self.second)
        #expect(names.charge(WorkloadID(rawValue: 7), bits: 0, now: 0) == nil)
    }
}
