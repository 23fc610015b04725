/// What the workers are at, as far as ending the daemon would be noticed.
package struct Activity: Sendable, Equatable {
    /// Requests that are being answered, connections that are being made, and streams of bytes that move or await an answer.
    package var busy = 0
    /// Of these, those that are older than the time asked for.
    package var old = 0
    /// Connections between two requests, and streams of bytes that stand still.
    package var idle = 0

    package init() {}

    static func += (left: inout Activity, right: Activity) {
        left.busy += right.busy
        left.old += right.old
        left.idle += right.idle
    }

    mutating func count(busy isBusy: Bool, old isOld: Bool) {
        if isBusy { busy += 1 } else { idle += 1 }
        if isBusy, isOld { old += 1 }
    }

    package var isNone: Bool { busy == 0 && idle == 0 }
}
