/// What every thread of a run does.
struct Workload: Sendable {
    enum Kind: Sendable {
        /// A message there and back, again and again on connections that stay.
        case ping
        /// Connect, one message there and back, close.
        case connect
        /// Sends as fast as the other end takes; what comes back counts, in KiB.
        case bulk
    }

    enum Extent: Sendable {
        case nanoseconds(UInt64)
        /// This many operations or failures together, over all threads.
        case operations(Int)
    }

    let kind: Kind
    let target: Target
    let messageBytes: Int
    /// Over all threads.
    let connections: Int
    let extent: Extent
    /// How long an operation may take before it counts as failed.
    let timeoutNanoseconds: UInt64

    /// Runs it on `threads` threads and adds up what they found.
    func run(threads: Int) throws(LoadFailure) -> LoadOutcome {
        try FileLimit.raise(for: connections)
        let results = ThreadResults()
        let workload = self
        Threads.run(threads) { index in
            let connections = Threads.share(of: workload.connections, thread: index, among: threads)
            let quota: Int? =
                switch workload.extent {
                case .nanoseconds: nil
                case .operations(let total): Threads.share(of: total, thread: index, among: threads)
                }
            do throws(LoadFailure) {
                var worker = try LoadWorker(workload, connections: connections, quota: quota)
                results.add(.success(worker.run()))
            } catch {
                results.add(.failure(error))
            }
        }
        return try results.outcome()
    }
}
