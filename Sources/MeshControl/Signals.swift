internal import Glibc
internal import MeshRuntime

/// The signals that the daemon obeys, as a stream.
///
/// A handler only writes the signal's number into a pipe, and a thread reads it: whichever thread the kernel chose for the signal.
package struct Signals: Sendable {
    package enum Order: Sendable, Equatable {
        /// SIGTERM, SIGINT: let flows end, then stop.
        case stop
        /// SIGHUP: read the files again, open the logs again.
        case reload
    }

    package let orders: AsyncStream<Order>

    /// Once in a process.
    package init() throws(StartFailure) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw StartFailure(
                code: "signals", what: "cannot make a pipe: \(String(cString: strerror(errno)))", advice: "raise LimitNOFILE")
        }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let (orders, continuation) = AsyncStream.makeStream(of: Order.self, bufferingPolicy: .bufferingNewest(8))
        self.orders = orders
        signalPipe = ends[1]
        let source = ends[0]
        WorkerThread.start(name: "myelin-signals") {
            var number: UInt8 = 0
            while true {
                let count = read(source, &number, 1)
                if count == 1 { continuation.yield(Int32(number) == SIGHUP ? .reload : .stop) }
                if count == 0 || (count < 0 && errno != EINTR) { return }
            }
        }
        var action = sigaction()
        action.__sigaction_handler.sa_handler = tellOfSignal
        action.sa_flags = SA_RESTART
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            sigaction(signal, &action, nil)
            var one = sigset_t()
            sigemptyset(&one)
            sigaddset(&one, signal)
            pthread_sigmask(SIG_UNBLOCK, &one, nil)
        }
    }
}

/// The end that the handler writes to; set once, before the handler is.
nonisolated(unsafe) private var signalPipe: Int32 = -1

/// Only calls what a signal handler may call (signal-safety(7)).
private func tellOfSignal(_ number: Int32) {
    let code = errno
    var byte = UInt8(truncatingIfNeeded: number)
    _ = write(signalPipe, &byte, 1)
    errno = code
}
