internal import Glibc
internal import MeshRuntime

/// The signals that the daemon obeys, as a stream.
///
/// They are blocked in every thread, and one thread waits for them: nothing runs in a signal handler.
package struct Signals: Sendable {
    package enum Order: Sendable, Equatable {
        /// SIGTERM, SIGINT: let flows end, then stop.
        case stop
        /// SIGHUP: read the files again, open the logs again.
        case reload
    }

    package let orders: AsyncStream<Order>

    /// Must be made before any other thread is.
    package init() {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&set, signal) }
        pthread_sigmask(SIG_BLOCK, &set, nil)
        let (orders, continuation) = AsyncStream.makeStream(of: Order.self, bufferingPolicy: .bufferingNewest(8))
        self.orders = orders
        let waited = set
        WorkerThread.start(name: "myelin-signals") {
            var waited = waited
            while true {
                var signal: Int32 = 0
                guard sigwait(&waited, &signal) == 0 else { return }
                continuation.yield(signal == SIGHUP ? .reload : .stop)
            }
        }
    }
}
