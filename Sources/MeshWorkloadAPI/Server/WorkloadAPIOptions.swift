/// What the Workload API's server takes on, at most. All callers together, and each workload by itself.
package struct WorkloadAPIOptions: Sendable {
    package var socket: String
    package var connections = 512
    /// Of one workload; processes that are none share as many.
    package var connectionsPerCaller = 32
    package var streamsPerConnection = 16
    package var streamsPerWorkload = 64
    /// Bytes: the requests of this API are empty.
    package var requestBytes = 16 << 10
    package var headerBytes = 16 << 10
    /// A request must be complete after this.
    package var requestTime = Duration.seconds(10)

    /// File descriptors that it may come to: each connection has its socket and the pidfd of its caller.
    package var descriptors: Int { 2 * connections }

    package init(socket: String) { self.socket = socket }
}
