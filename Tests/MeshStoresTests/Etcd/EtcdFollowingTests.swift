import Foundation
import MeshStores
import Testing

/// What etcd's answers mean, without etcd.
struct EtcdFollowingTests {
    private static let prefix = Array("/myelin/".utf8)

    private func page(_ keys: [String], revision: Int, more: Bool = false, cluster: Int = 1, term: Int = 2) throws -> EtcdRange {
        let kvs = keys.map { #"{"key":"\#(Data($0.utf8).base64EncodedString())","value":"eA==","mod_revision":"1"}"# }
        return try JSONDecoder().decode(
            EtcdRange.self,
            from: Data(
                #"{"header":{"cluster_id":"\#(cluster)","revision":"\#(revision)","raft_term":"\#(term)"},"kvs":[\#(kvs.joined(separator: ","))],"more":\#(more)}"#
                    .utf8))
    }

    private func answer(_ body: String, revision: Int, cluster: Int = 1, term: Int = 2) throws -> EtcdWatchAnswer {
        let header = #""header":{"cluster_id":"\#(cluster)","revision":"\#(revision)","raft_term":"\#(term)"}"#
        return try JSONDecoder().decode(EtcdWatchAnswer.self, from: Data("{\(header),\(body)}".utf8))
    }

    private func put(_ revision: Int, fragment: Bool = false) -> String {
        #""fragment":\#(fragment),"events":[{"kv":{"key":"YQ==","value":"eA==","mod_revision":"\#(revision)"}}]"#
    }

    private func header(_ revision: Int, cluster: Int = 1, term: Int = 2) throws -> EtcdHeader {
        try page([], revision: revision, cluster: cluster, term: term).header
    }

    private func following(_ revision: Int = 10) throws -> EtcdFollowing {
        var following = EtcdFollowing(prefix: Self.prefix)
        _ = try following.received(page(["/myelin/a"], revision: revision))
        return following
    }

    @Test func readsPagesOfOneRevision() throws {
        var following = EtcdFollowing(prefix: Self.prefix)
        #expect(following.next == .read(from: Self.prefix, limit: EtcdFollowing.pageSize, revision: 0))
        #expect(try following.received(page(["/myelin/a", "/myelin/b"], revision: 7, more: true)) == .nothing)
        #expect(following.next == .read(from: Array("/myelin/b".utf8) + [0], limit: EtcdFollowing.pageSize, revision: 7))
        guard case .replace(let values) = try following.received(page(["/myelin/c"], revision: 9)) else {
            Issue.record("not whole")
            return
        }
        #expect(values.count == 3)
        // What happened since the first page comes with the watch.
        #expect(following.next == .watch(from: 8))
    }

    @Test func beginsAnewWhenItsRevisionIsCompactedWhileReading() throws {
        var following = EtcdFollowing(prefix: Self.prefix)
        _ = try following.received(page(["/myelin/a"], revision: 7, more: true))
        guard case .readAgain = try following.received(nil) else {
            Issue.record("goes on")
            return
        }
        #expect(following.next == .read(from: Self.prefix, limit: EtcdFollowing.pageSize, revision: 0))
    }

    @Test func halfOfASnapshotIsForgottenWithTheConnection() throws {
        var following = EtcdFollowing(prefix: Self.prefix)
        _ = try following.received(page(["/myelin/a"], revision: 7, more: true))
        following.disconnected()
        guard case .replace(let values) = try following.received(page(["/myelin/b"], revision: 8)) else {
            Issue.record("not whole")
            return
        }
        #expect(values.count == 1)
    }

    @Test func asksForFewerKeysWhenAPageIsTooLarge() {
        var following = EtcdFollowing(prefix: Self.prefix)
        var tries = 0
        while following.pageWasTooLarge() { tries += 1 }
        #expect(tries == 3)
        #expect(following.next == .read(from: Self.prefix, limit: 1, revision: 0))
    }

    @Test func refusesMoreThanItsBounds() throws {
        var few = EtcdFollowing(prefix: Self.prefix, maximumKeys: 1)
        #expect(throws: StoreError.self) { try few.received(page(["/myelin/a", "/myelin/b"], revision: 7)) }
        var small = EtcdFollowing(prefix: Self.prefix, maximumBytes: 15)
        #expect(throws: StoreError.self) { try small.received(page(["/myelin/a", "/myelin/b"], revision: 7)) }
        #expect(small.revision == 0)
    }

    @Test func goesOnFromTheLastEvent() throws {
        var following = try following(10)
        #expect(following.received(try answer(#""created":true"#, revision: 30)) == .nothing)
        #expect(following.next == .watch(from: 11))
        guard case .apply(let events) = following.received(try answer(put(12), revision: 30)) else {
            Issue.record("no event")
            return
        }
        #expect(events.count == 1)
        following.disconnected()
        #expect(following.next == .watch(from: 13))
    }

    /// The rest of a revision may be lost with the connection: it is asked for again.
    @Test func fragmentsDoNotCountBeforeTheLast() throws {
        var following = try following(10)
        _ = following.received(try answer(put(12, fragment: true), revision: 12))
        #expect(following.next == .watch(from: 11))
        _ = following.received(try answer(put(12), revision: 12))
        #expect(following.next == .watch(from: 13))
    }

    @Test func progressMovesOn() throws {
        var following = try following(10)
        #expect(following.received(try answer(#""watch_id":"0""#, revision: 40)) == .nothing)
        #expect(following.next == .watch(from: 41))
    }

    @Test func readsAgainAfterCompaction() throws {
        var following = try following(10)
        #expect(
            following.received(try answer(#""canceled":true,"compact_revision":"20""#, revision: 0))
                == .readAgain(why: "revision 11 was compacted"))
        #expect(following.next == .read(from: Self.prefix, limit: EtcdFollowing.pageSize, revision: 0))
    }

    @Test(arguments: [(9, 1, 2), (30, 5, 2), (30, 1, 1)])
    func readsAgainWhenTheHistoryIsAnother(revision: Int, cluster: Int, term: Int) throws {
        var watched = try following(10)
        guard case .otherHistory = watched.received(try answer(#""created":true"#, revision: revision, cluster: cluster, term: term)) else {
            Issue.record("goes on watching")
            return
        }
        var counted = try following(10)
        guard case .otherHistory = counted.counted(try header(revision, cluster: cluster, term: term), 1, keys: 1) else {
            Issue.record("goes on counting")
            return
        }
    }

    @Test func readsAgainWhenKeysAreMissing() throws {
        var following = try following(10)
        #expect(following.counted(try header(12), 2, keys: 1) == .nothing)
        guard case .readAgain = following.counted(try header(12), 2, keys: 1) else {
            Issue.record("believes that it is complete")
            return
        }
    }

    /// The first count was of a change that the watch brought after it.
    @Test func aChangeExplainsAMiscount() throws {
        var following = try following(10)
        _ = following.counted(try header(12), 2, keys: 1)
        _ = following.received(try answer(put(12), revision: 12))
        #expect(following.counted(try header(12), 2, keys: 2) == .nothing)
        #expect(following.counted(try header(13), 3, keys: 2) == .nothing)
    }
}
