import MeshStores
import MeshTypes
import Testing

struct StoreHoldingsTests {
    private let place = InstancePlace(node: "node-1", service: .of("wallet"), address: "10.0.0.1:8081")

    private func item(_ record: String) -> StoreHoldings.Item { StoreHoldings.Item(record: record, slot: .endpoint(place)) }

    private func due(_ holdings: StoreHoldings, now: Int64 = 0, chain: [[UInt8]] = [[1]]) -> [StoreHoldings.Change] {
        holdings.due(now: now) { _ in chain }
    }

    @Test func writesWhatIsNewAndTakesOutWhatIsNotWanted() {
        var holdings = StoreHoldings()
        holdings.want(["a": item("1"), "b": item("2")])
        #expect(due(holdings) == [.put(key: "a", item("1")), .put(key: "b", item("2"))])
        holdings.wrote("a", item("1"), renewal: 100, chain: [[1]])
        holdings.wrote("b", item("2"), renewal: 100, chain: [[1]])
        #expect(due(holdings).isEmpty)
        holdings.want(["a": item("changed")])
        #expect(due(holdings) == [.put(key: "a", item("changed")), .delete(key: "b")])
    }

    @Test func signsAgainInTimeAndWithANewCertificate() {
        var holdings = StoreHoldings()
        holdings.want(["a": item("1")])
        holdings.wrote("a", item("1"), renewal: 100, chain: [[1]])
        #expect(due(holdings, now: 99).isEmpty)
        #expect(due(holdings, now: 100).count == 1)
        #expect(due(holdings, now: 99, chain: [[2]]).count == 1)
    }

    @Test func believesWhatTheStoreShows() {
        var holdings = StoreHoldings()
        holdings.want(["a": item("1")])
        holdings.wrote("a", item("1"), renewal: 100, chain: [[1]])
        holdings.found(["left by an earlier daemon"])
        #expect(due(holdings) == [.put(key: "a", item("1")), .delete(key: "left by an earlier daemon")])
        holdings.lost()
        #expect(due(holdings) == [.put(key: "a", item("1"))])
    }
}
