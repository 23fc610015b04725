import MeshRuntime
import MeshTypes
import Testing

@Suite struct ArrivalPoolTests {
    private func pool(total: Int = 4, perSource: Int = 2) -> ArrivalPool<String, Int> {
        ArrivalPool(.init(total: total, perSource: perSource))
    }

    @Test func theOldestOfASourceWithItsShareGoesFirst() {
        var pool = pool()
        let first = pool.enter(1, from: "a")
        _ = pool.enter(2, from: "a")
        #expect(pool.firstToGo(for: "a")?.guest == 1)
        #expect(pool.firstToGo(for: "b") == nil, "another source has places")
        pool.leave(first)
        #expect(pool.firstToGo(for: "a") == nil && pool.count == 1 && pool.count(of: "a") == 1)
    }

    @Test func whoHasSpokenStaysWhileSomebodyIsSilent() {
        var pool = pool()
        let first = pool.enter(1, from: "a")
        let second = pool.enter(2, from: "a")
        pool.hear(first)
        #expect(!pool.isSilent(first) && pool.isSilent(second))
        #expect(pool.firstToGo(for: "a")?.guest == 2)
        pool.hear(second)
        #expect(pool.firstToGo(for: "a")?.guest == 1, "of those that spoke, the one that was heard longest ago")
        pool.hear(first)
        #expect(pool.firstToGo(for: "a")?.guest == 2)
    }

    @Test func aFullPoolTakesFromTheSilentOfAllSources() {
        var pool = pool()
        let places = [pool.enter(1, from: "a"), pool.enter(2, from: "b"), pool.enter(3, from: "c"), pool.enter(4, from: "d")]
        pool.hear(places[0])
        #expect(pool.firstToGo(for: "e")?.guest == 2)
        #expect(pool.firstToGo(for: "e", atMost: 1)?.guest == 2)
        pool.leave(places[1])
        #expect(pool.firstToGo(for: "e") == nil)
        #expect(pool.firstToGo(for: "e", atMost: 3)?.guest == 3, "fewer are to be had for now")
    }

    @Test func aPlaceThatWasLeftIsNobodys() {
        var pool = pool()
        let old = pool.enter(1, from: "a")
        pool.leave(old)
        let new = pool.enter(2, from: "b")
        pool.leave(old)
        pool.hear(old)
        #expect(pool.contains(new) && pool.isSilent(new) && !pool.contains(old) && pool.count == 1)
    }

    /// Against a model that looks through all guests.
    @Test(arguments: 0..<20) func keepsToTheModel(seed: Int) {
        struct Guest {
            let number: Int
            let source: Int
            let place: ArrivalPool<Int, Int>.Place
            var heardAt: Int?
        }
        var random = SplitMix(state: UInt64(seed) &* 0x9e37_79b9_7f4a_7c15 &+ 1)
        var pool = ArrivalPool<Int, Int>(.init(total: 24, perSource: 7))
        var model: [Guest] = []
        func first(_ guests: [Guest]) -> Int? {
            (guests.filter { $0.heardAt == nil }.min { $0.number < $1.number } ?? guests.min { $0.heardAt! < $1.heardAt! })?.number
        }
        for step in 1...3000 {
            switch random.next() % 4 {
            case 0, 1:
                let source = Int(random.next() % 6)
                let own = model.filter { $0.source == source }
                let expected = own.count >= 7 ? first(own) : model.count >= 24 ? first(model) : nil
                #expect(pool.firstToGo(for: source)?.guest == expected, "seed \(seed), step \(step)")
                if let gone = model.firstIndex(where: { $0.number == expected }) { pool.leave(model.remove(at: gone).place) }
                model.append(Guest(number: step, source: source, place: pool.enter(step, from: source)))
            case 2 where !model.isEmpty:
                let index = Int(random.next() % UInt64(model.count))
                pool.hear(model[index].place)
                model[index].heardAt = step
            case 3 where !model.isEmpty: pool.leave(model.remove(at: Int(random.next() % UInt64(model.count))).place)
            default: break
            }
            #expect(pool.count == model.count, "seed \(seed), step \(step)")
        }
    }

    private struct SplitMix {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var z = (state ^ state >> 30) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
            return z ^ z >> 31
        }
    }
}
