internal import Logging
internal import MeshDataPlane
internal import MeshRuntime

/// How a daemon ends without failing anybody.
///
/// First it leaves: everything is served on, new connections included, but connections that are used end with their next answer, and peers
/// open new tunnels; that lasts until what was there at the order has ended. Then it drains: nothing new is accepted, so that new
/// connections wait for the next daemon at the sockets that the supervisor keeps; that lasts as long as the last requests take.
struct Departure: Sendable {
    /// How long what was there at the order may go on.
    static let leaveLimit = Duration.seconds(20)
    /// Even without work: callers that are between two requests learn with the next one that the connection ends.
    static let courtesy = Duration.seconds(1)
    /// How long new connections may have to wait for the last requests.
    static let drainLimit = Duration.seconds(3)
    private static let look = Duration.milliseconds(50)

    let dataPlane: DataPlane
    let log: Logger

    /// Ends early when nothing is carried.
    func leave() async {
        let start = ContinuousClock.now
        let ordered = MonotonicClock.now()
        let first = await dataPlane.activity(since: ordered)
        guard !first.isNone else { return }
        dataPlane.leave()
        while true {
            try? await Task.sleep(for: Self.look)
            let age = ContinuousClock.now - start
            let activity = await dataPlane.activity(since: ordered)
            if activity.isNone { return }
            if age >= Self.courtesy, activity.old == 0 { return }
            if age >= Self.leaveLimit {
                log.warning(
                    "connections are cut off: they were not over in time",
                    metadata: ["connections": "\(activity.old)", "limit": "\(Self.leaveLimit)"])
                return
            }
        }
    }

    func drain() async {
        let deadline = ContinuousClock.now + Self.drainLimit
        dataPlane.drain()
        while await dataPlane.activity(since: 0).busy > 0, ContinuousClock.now < deadline { try? await Task.sleep(for: Self.look) }
    }
}
