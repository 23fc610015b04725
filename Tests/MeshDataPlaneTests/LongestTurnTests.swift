import MeshDataPlane
import Testing

@Suite struct LongestTurnTests {
    private static let second: UInt64 = 1_000_000_000

    @Test func keepsTheLongestOfTwoIntervalsAndForgetsItAfterThem() {
        var turns = LongestTurn()
        turns.note(from: 100 * Self.second, to: 100 * Self.second + 5_000)
        turns.note(from: 101 * Self.second, to: 101 * Self.second + 70_000)
        turns.note(from: 102 * Self.second, to: 102 * Self.second + 1_000)
        #expect(turns.value == 70_000)
        turns.note(from: 111 * Self.second, to: 111 * Self.second + 2_000)
        #expect(turns.value == 70_000)
        turns.note(from: 122 * Self.second, to: 122 * Self.second + 3_000)
        #expect(turns.value == 3_000)
    }

    @Test func forgetsAtOnceAfterAPauseOfTwoIntervals() {
        var turns = LongestTurn()
        turns.note(from: 100 * Self.second, to: 101 * Self.second)
        turns.note(from: 160 * Self.second, to: 160 * Self.second + 4_000)
        #expect(turns.value == 4_000)
    }
}
