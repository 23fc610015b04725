import MeshDataPlane
import MeshProtocols
import MeshTypes
import Testing

/// The cache by itself: time, bounds, whose share.
struct NameCacheTests {
    private static let second: UInt64 = 1_000_000_000

    private static func key(_ name: String, _ type: DNSType = .a, signed: Bool = false) -> NameKey {
        NameKey(
            question: DNSQuestion(name: DNSName(name)!, type: type), wishes: UpstreamQuestion.Wishes(wantsSignatures: signed), server: nil)
    }

    private static func answer(_ name: String, bytes: Int = 10) -> KeptAnswer {
        var message = DNSMessage(header: DNSHeader(id: 0), question: DNSQuestion(name: DNSName(name)!, type: .txt))
        message.answers = [
            DNSRecord(name: DNSName(name)!, timeToLive: 60, data: .other(.txt, [UInt8](repeating: 0, count: bytes)))
        ]
        return KeptAnswer(image: DNSImage(message)!, isVerified: false)
    }

    private static let owner = WorkloadID(rawValue: 1)

    @Test func isFreshUntilItsTimeAndStaleAfterwards() {
        var options = NameCacheOptions()
        options.stale = 100
        var cache = NameCache(options)
        let key = Self.key("a.example")
        cache.insert(Self.answer("a.example"), under: key, lifetime: 60, owner: Self.owner, now: 0)
        guard case .fresh(_, 59) = cache.find(Self.key("A.EXAMPLE"), now: 59 * Self.second + 1) else { return complain("not fresh") }
        guard case .stale(_, true) = cache.find(key, now: 60 * Self.second) else { return complain("not stale") }
        guard case .nothing = cache.find(key, now: 160 * Self.second) else { return complain("kept for ever") }
        #expect(cache.status.entries == 0 && cache.status.bytes == 0)
        #expect(cache.status.hits == 1 && cache.status.misses == 2)
    }

    @Test func whatIsAskedDifferentlyIsKeptApart() {
        var cache = NameCache(NameCacheOptions())
        cache.insert(Self.answer("a.example"), under: Self.key("a.example"), lifetime: 60, owner: Self.owner, now: 0)
        for other in [Self.key("a.example", .aaaa), Self.key("a.example", signed: true), Self.key("b.example")] {
            guard case .nothing = cache.find(other, now: 1) else { return complain("\(other) was found") }
        }
    }

    @Test func anAnswerWithoutTimeIsNotKept() {
        var cache = NameCache(NameCacheOptions())
        let key = Self.key("a.example")
        cache.insert(Self.answer("a.example"), under: key, lifetime: 60, owner: Self.owner, now: 0)
        cache.insert(Self.answer("a.example"), under: key, lifetime: 0, owner: Self.owner, now: 1)
        #expect(cache.status.entries == 0)
    }

    @Test func aFailureIsRememberedForAMomentAndSparesTheOldAnswer() {
        var cache = NameCache(NameCacheOptions())
        let (known, unknown) = (Self.key("a.example"), Self.key("b.example"))
        cache.insert(Self.answer("a.example"), under: known, lifetime: 1, owner: Self.owner, now: 0)
        let now = 2 * Self.second
        cache.noteFailure(of: known, owner: Self.owner, now: now)
        cache.noteFailure(of: unknown, owner: Self.owner, now: now)
        guard case .stale(_, false) = cache.find(known, now: now + 1) else { return complain("it asks again at once") }
        guard case .failed = cache.find(unknown, now: now + 1) else { return complain("it asks again at once") }
        guard case .stale(_, true) = cache.find(known, now: now + cache.options.staleRetry) else { return complain("never again") }
        guard case .nothing = cache.find(unknown, now: now + cache.options.failureRetry) else { return complain("never again") }
        #expect(cache.status.entries == 1)
    }

    @Test func theLeastRecentlyUsedMakesRoom() {
        var options = NameCacheOptions()
        options.workloadDivisor = 1
        options.capacity = 3 * (NameCache.overhead + 100)
        var cache = NameCache(options)
        for name in ["a.example", "b.example", "c.example"] {
            cache.insert(Self.answer(name), under: Self.key(name), lifetime: 60, owner: Self.owner, now: 0)
        }
        _ = cache.find(Self.key("a.example"), now: 1)
        cache.insert(Self.answer("d.example"), under: Self.key("d.example"), lifetime: 60, owner: Self.owner, now: 2)
        guard case .nothing = cache.find(Self.key("b.example"), now: 3) else { return complain("another was evicted") }
        for name in ["a.example", "c.example", "d.example"] {
            guard case .fresh = cache.find(Self.key(name), now: 3) else { return complain("\(name) was evicted") }
        }
        #expect(cache.status.evictions == 1)
    }

    /// Who asks for thousands of names drives out its own answers, not those of others.
    @Test func oneWorkloadFillsItsShareOnly() {
        var options = NameCacheOptions()
        options.capacity = 100_000
        var cache = NameCache(options)
        cache.insert(Self.answer("mine.example"), under: Self.key("mine.example"), lifetime: 60, owner: WorkloadID(rawValue: 2), now: 0)
        for number in 0..<2000 {
            cache.insert(Self.answer("x\(number).example"), under: Self.key("x\(number).example"), lifetime: 60, owner: Self.owner, now: 1)
            cache.noteFailure(of: Self.key("y\(number).example"), owner: Self.owner, now: 1)
        }
        #expect(cache.status.bytes <= options.capacity / options.workloadDivisor + 1000)
        guard case .fresh = cache.find(Self.key("mine.example"), now: 2) else { return complain("evicted by another") }
    }

    @Test func nothingIsKeptWithoutCapacity() {
        var options = NameCacheOptions()
        options.capacity = 0
        var cache = NameCache(options)
        cache.insert(Self.answer("a.example"), under: Self.key("a.example"), lifetime: 60, owner: Self.owner, now: 0)
        cache.noteFailure(of: Self.key("b.example"), owner: Self.owner, now: 0)
        #expect(cache.status.entries == 0)
    }

    /// Whatever happens, the bounds hold, the sums are right, and what is found is what was put there last.
    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func keepsItsBoundsWhateverHappens(seed: UInt64) {
        var random = SplitMix(state: seed)
        var options = NameCacheOptions()
        options.capacity = 20_000
        options.stale = 5
        var cache = NameCache(options)
        var sizes: [NameKey: Int] = [:]
        var now: UInt64 = 0
        for _ in 0..<5000 {
            now += UInt64.random(in: 0...Self.second / 2, using: &random)
            let name = "n\(Int.random(in: 0..<80, using: &random)).example"
            let key = Self.key(name)
            let owner = WorkloadID(rawValue: .random(in: 1...6, using: &random))
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                let size = Int.random(in: 0...2000, using: &random)
                let answer = Self.answer(name, bytes: size)
                cache.insert(answer, under: key, lifetime: .random(in: 0...8, using: &random), owner: owner, now: now)
                sizes[key] = answer.image.size
            case 1: cache.noteFailure(of: key, owner: owner, now: now)
            default:
                switch cache.find(key, now: now) {
                case .fresh(let answer, _), .stale(let answer, _): #expect(answer.image.size == sizes[key], "seed \(seed)")
                case .failed, .nothing: break
                }
            }
            #expect(
                cache.status.bytes <= options.capacity && cache.status.bytes >= cache.status.entries * NameCache.overhead, "seed \(seed)")
            #expect(cache.status.entries <= 80)
        }
    }
}

/// Numbers that a seed decides (SplitMix64).
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}
