import Foundation
import MeshDataPlane
import MeshTypes
import Testing

@Suite struct ConnectionSharesTests {
    private func workload(_ number: UInt32) -> ConnectionShares.Owner { .workload(WorkloadID(rawValue: number)) }

    /// As many as it gets.
    private func takeAll(_ holder: ShareHolder, atMost limit: Int = 100_000) -> [ShareCharge] {
        var all: [ShareCharge] = []
        while all.count < limit, let charge = holder.take() { all.append(charge) }
        return all
    }

    @Test func oneThatTakesAllItCanLeavesTheOthersTheirPart() {
        let shares = ConnectionShares(total: 4000)
        shares.divide(workloads: 10, callers: 1)
        let greedy = takeAll(shares.holder(workload(1)))
        // A tenth of an eighth, and eight ninths of the three quarters that are common.
        #expect(greedy.count == 50 + 2666 && greedy.count { $0.isCommon } == 2666)
        #expect(shares.usage(of: workload(1)) == ConnectionShares.Usage(connections: 2716, share: 2716, refused: 1))
        for number in 2...10 {
            #expect(takeAll(shares.holder(workload(UInt32(number))), atMost: 50).count == 50, "workload \(number)")
        }
        #expect(takeAll(shares.holder(.caller(ServiceID(rawValue: 1))), atMost: 500).count == 500)
    }

    @Test func theCommonPartIsNeverGivenTwice() {
        let shares = ConnectionShares(total: 4000)
        shares.divide(workloads: 10, callers: 1)
        let common = (1...10).map { number in takeAll(shares.holder(workload(UInt32(number)))).count { $0.isCommon } }
        #expect(common.reduce(0, +) <= 3000 && common[0] == 2666 && common[1] == 296, "\(common)")
    }

    @Test func whatIsGivenBackIsTakenAgain() {
        let shares = ConnectionShares(total: 400)
        let holder = shares.holder(workload(1))
        var all = takeAll(holder)
        let count = all.count
        for index in all.indices {
            all[index].giveBack()
            all[index].giveBack()
        }
        #expect(shares.usage(of: workload(1))?.connections == 0)
        #expect(takeAll(holder).count == count)
    }

    @Test func moreWorkloadsThanConnectionsAreStillPromisedSome() {
        let shares = ConnectionShares(total: 400)
        shares.divide(workloads: 5000)
        _ = takeAll(shares.holder(workload(1)))
        #expect(takeAll(shares.holder(workload(2)), atMost: ConnectionShares.smallestGuarantee).count == ConnectionShares.smallestGuarantee)
    }

    @Test func workloadsThatComeAndGoAreForgotten() {
        let shares = ConnectionShares(total: 1 << 20)
        shares.divide(workloads: 1)
        let stays = shares.holder(workload(1)).take()
        #expect(stays != nil)
        for number in 2...20_000 {
            var charge = shares.holder(workload(UInt32(number))).take()
            charge?.giveBack()
        }
        #expect(shares.usage(of: workload(1))?.connections == 1)
        #expect(shares.usage(of: workload(2)) == nil)
        #expect(shares.usage(of: workload(20_000))?.connections == 0)
    }

    @Test func manyWorkersCountTogether() {
        let shares = ConnectionShares(total: 4000)
        shares.divide(workloads: 2)
        DispatchQueue.concurrentPerform(iterations: 8) { worker in
            let holder = shares.holder(.workload(WorkloadID(rawValue: UInt32(worker % 2 + 1))))
            for _ in 0..<20_000 {
                guard var charge = holder.take() else { continue }
                charge.giveBack()
            }
        }
        for number in 1...2 { #expect(shares.usage(of: workload(UInt32(number)))?.connections == 0) }
        #expect(takeAll(shares.holder(workload(1))).count == 250 + 2666, "nothing of the common part was lost")
    }
}
