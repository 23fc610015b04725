import MeshStores
import Testing

struct ConsulIndexTests {
    @Test func aLargerOneIsAChange() {
        var index = ConsulIndex()
        #expect(index.advance(to: 5) && index.value == 5)
        #expect(!index.advance(to: 5) && index.value == 5)
        #expect(index.advance(to: 6) && index.value == 6)
    }

    /// The servers were restored: the next question does not wait for an index that may never come.
    @Test func oneThatGoesBackBeginsAnew() {
        var index = ConsulIndex()
        _ = index.advance(to: 500)
        #expect(index.advance(to: 7) && index.value == 0)
        #expect(index.advance(to: 7) && index.value == 7)
    }

    @Test func zeroWaits() {
        var index = ConsulIndex()
        #expect(index.advance(to: 0) && index.value == 1)
    }
}
