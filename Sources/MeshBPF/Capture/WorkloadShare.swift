internal import CBPF
internal import CMyelinABI
package import MeshTypes

/// What one workload takes of the kernel's tables of connections, and what it may.
///
/// Half of the tables is divided equally: so many entries each workload is sure of. The other half is for whoever comes first.
package struct WorkloadShare: Sendable, Equatable {
    /// Connections on their way to the daemon, and direct ones.
    package let entries: Int
    /// So many nobody else can take.
    package let guaranteed: Int
    /// Connections refused (`table_full`) because neither its share nor what all have in common had room.
    package let refused: UInt64

    package init(entries: Int, guaranteed: Int, refused: UInt64) {
        self.entries = entries
        self.guaranteed = guaranteed
        self.refused = refused
    }
}

extension Capture {
    package func usage(of workload: WorkloadID) -> WorkloadShare {
        let usage = maps.usage.value(DNSWorkload(raw: workload.rawValue))?.raw ?? myelin_usage()
        return WorkloadShare(entries: Int(usage.entries), guaranteed: Int(share().guaranteed), refused: usage.refused)
    }

    func share() -> myelin_share {
        let workloads = maps.workloads.entries.values.filter { !$0.exempt && !$0.isClosed }.map(\.workload)
        let number = UInt32(max(1, Set(workloads).count))
        let guaranteed = UInt32(MYELIN_MAX_FLOWS) / 2 / number
        return myelin_share(guaranteed: guaranteed, common: UInt32(MYELIN_MAX_FLOWS) - guaranteed * number)
    }

    /// Divides anew among the workloads that there are.
    func divideShares() throws(KernelError) {
        var key: UInt32 = 0
        var value = share()
        let result = bpf_map_update_elem(maps.shares, &key, &value, 0)
        if result != 0 { throw KernelError("write map shares", code: -result) }
    }
}
