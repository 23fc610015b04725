import MeshDataPlane
import MeshRuntime
import MeshTypes
import Testing

@Suite struct TunnelPlacesTests {
    private func places(_ change: (inout TunnelPlaces.Bounds) -> Void = { _ in }) -> TunnelPlaces {
        var bounds = TunnelPlaces.Bounds()
        bounds.own = 2
        bounds.verified = 4
        bounds.perAddress = 2
        bounds.perPeer = 3
        bounds.arrivals = .init(total: 4, perSource: 2)
        bounds.scarceArrivals = 1
        change(&bounds)
        return TunnelPlaces(bounds)
    }

    private func handle(_ number: UInt64) -> SlabHandle { SlabHandle(rawValue: number) }
    private func address(_ text: String) -> IPAddress { IPAddress(text)! }
    private let peer = ServiceID(rawValue: 7)

    @Test func nobodyElseTakesThePlacesOfOwnTunnels() {
        var places = places()
        for number in 1...4 { _ = places.arrive(handle(UInt64(number)), from: address("10.0.0.\(number)")) }
        for number in 1...2 {
            _ = places.verify(.none, as: ServiceID(rawValue: UInt32(number)), from: address("10.0.1.\(number)"))
        }
        let own = (0..<3).map { _ in places.takeOwn() }
        #expect(own.map { $0 != nil } == [true, true, false])
        places.leave(own[0]!)
        let another = places.takeOwn()
        #expect(another != nil)
    }

    @Test func ofIPv6ANetworkIsOneSource() {
        var places = places()
        _ = places.arrive(handle(1), from: address("2001:db8::1"))
        _ = places.arrive(handle(2), from: address("2001:db8::2"))
        #expect(places.firstToGo(for: address("2001:db8::ffff:1"), isScarce: false) == handle(1))
        #expect(places.firstToGo(for: address("2001:db8:0:1::1"), isScarce: false) == nil)
    }

    @Test func fewArriveWhileDescriptorsAreScarce() {
        var places = places()
        _ = places.arrive(handle(1), from: address("10.0.0.1"))
        #expect(places.firstToGo(for: address("10.0.0.2"), isScarce: false) == nil)
        #expect(places.firstToGo(for: address("10.0.0.2"), isScarce: true) == handle(1))
    }

    @Test func aPeerAndAnAddressHaveTheirShareOfTunnels() {
        var places = places()
        func isWelcome(_ peer: UInt32, _ text: String) -> Bool {
            places.verify(.none, as: ServiceID(rawValue: peer), from: address(text)) != nil
        }
        let arrival = places.arrive(handle(1), from: address("10.0.0.1"))
        let first = places.verify(arrival, as: peer, from: address("10.0.0.1"))
        #expect(first != nil && places.arrivals.count == 0)
        #expect(isWelcome(8, "10.0.0.1"))
        #expect(!isWelcome(9, "10.0.0.1"), "the address has two")
        #expect(isWelcome(7, "10.0.0.2"))
        places.leave(first!)
        #expect(isWelcome(7, "10.0.0.3") && isWelcome(7, "10.0.0.4"))
        #expect(!isWelcome(9, "10.0.0.5"), "there are four in all")
    }
}

extension TunnelPlacesTests {
    @Test func aPeerHasItsShareWhereverItRuns() {
        var places = places { $0.verified = 8 }
        let given = (1...5).map { places.verify(.none, as: peer, from: address("10.0.0.\($0)")) }
        #expect(given.map { $0 != nil } == [true, true, true, false, false])
        places.leave(given[1]!)
        let another = places.verify(.none, as: peer, from: address("10.0.0.6"))
        #expect(another != nil)
    }
}

@Suite struct HandshakeJournalTests {
    private func address(_ text: String) -> SocketAddress { SocketAddress(text)! }

    @Test func writesTheFirstOfAnAddressAndCountsTheRest() {
        var journal = HandshakeJournal()
        let written = (0..<18_157).count { journal.note(address("10.0.0.1:\($0 % 60000 + 1)"), .peerUnverified, now: 1000 + UInt64($0)) }
        #expect(written == HandshakeJournal.perAddress)
        let isOtherWritten = journal.note(address("10.0.0.2:5"), .handshakeLimit, now: 30_000)
        #expect(isOtherWritten, "another address is not drowned")
        let early = journal.remainders(now: 40_000)
        #expect(early.isEmpty)
        let remainders = journal.remainders(now: 1000 + HandshakeJournal.interval)
        #expect(remainders.map(\.count) == [18_157 - HandshakeJournal.perAddress])
        #expect(remainders.first?.reason == .peerUnverified && remainders.first?.address?.ip == address("10.0.0.1:1").ip)
        let later = journal.remainders(now: 1 << 49)
        #expect(later.isEmpty)
        let isWritten = journal.note(address("10.0.0.1:7"), .peerUnverified, now: 1 << 50)
        #expect(isWritten, "a new interval begins")
    }

    @Test func isBoundedWhateverTheAddresses() {
        var journal = HandshakeJournal()
        var written = 0
        for number in 0..<50_000 {
            let ip = IPAddress(high: UInt64(number) << 16 | 0x2001 << 48, low: UInt64(number))
            if journal.note(SocketAddress(ip: ip, port: 1), .handshakeLimit, now: 1) { written += 1 }
        }
        #expect(written == HandshakeJournal.addresses)
        let remainders = journal.remainders(now: 2 + HandshakeJournal.interval)
        #expect(remainders.map(\.count) == [50_000 - written] && remainders.first?.address == nil)
    }
}
