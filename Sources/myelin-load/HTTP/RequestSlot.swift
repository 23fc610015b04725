/// One connection of an HTTP run, and the request on it.
struct RequestSlot {
    enum Phase {
        /// No socket, no request.
        case closed
        case connecting
        /// Open, without a request.
        case idle
        /// A request is being sent, or its answer awaited.
        case busy
    }

    var phase = Phase.closed
    var socket: Int32 = -1
    var reader = HTTPReader()
    var head: HTTPHead?
    /// The request's bytes and how many of them are sent.
    var request: [UInt8] = []
    var sent = 0
    /// When it ought to have been sent (monotonic nanoseconds): its latency counts from here.
    var due: UInt64 = 0
    /// When it was taken up: its time-out counts from here.
    var startedAt: UInt64 = 0
}
