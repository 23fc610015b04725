import MeshDataPlane
import Testing

/// Walks over what a worker carries, in portions.
@Suite struct PermitReviewTests {
    private func positions(_ round: inout PermitReview.Round, _ extent: Int) -> [Int] {
        var all: [Int] = []
        while let part = round.next(extent, portion: 10) {
            #expect(part.count <= 10)
            all += part
        }
        return all
    }

    @Test func visitsEveryPositionOnce() {
        var round = PermitReview.Round()
        round.begin(37)
        #expect(positions(&round, 37) == Array(0..<37))
        #expect(!round.isDue)
    }

    @Test func aChangeInTheMidstGoesRoundFromWhereItStands() {
        var round = PermitReview.Round()
        round.begin(37)
        _ = round.next(37, portion: 10)
        round.begin(37)
        let visited = positions(&round, 37)
        #expect(Set(visited) == Set(0..<37) && visited.count == 37 && visited.first == 10)
    }

    @Test func nothingIsDueWithoutAnything() {
        var round = PermitReview.Round()
        round.begin(0)
        #expect(round.next(0) == nil && !round.isDue)
    }

    @Test(arguments: [true, false]) func aTunnelIsLeftBeforeItEnds(isClient: Bool) {
        let validity = TunnelValidity(end: 60, now: 20_000, isClient: isClient)
        #expect(!validity.needsCare(isClient ? 49_999 : 54_999) && validity.needsCare(isClient ? 50_000 : 55_000))
        #expect(!validity.isOver(59_999) && validity.isOver(60_000))
        #expect(!TunnelValidity.unbounded.needsCare(.max - 1))
        #expect(!TunnelValidity(end: .max, now: 0, isClient: isClient).isOver(1 << 50))
        #expect(TunnelValidity(end: 1, now: 5000, isClient: isClient).isOver(5000))
    }
}
