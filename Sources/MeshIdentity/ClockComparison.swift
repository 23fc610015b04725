/// Whether somebody set the wall clock: it is compared with one that nobody can set (CLOCK_BOOTTIME). Pure.
package struct ClockComparison: Sendable {
    /// What an NTP client slews in between two looks stays below this.
    package static let threshold = Duration.seconds(30)

    private var offset: Duration

    /// - Parameters: both clocks, read one after the other.
    package init(real: Duration, boot: Duration) { offset = real - boot }

    /// - Returns: how far the wall clock was set since the last look, forwards if positive; nil if it was not.
    package mutating func observe(real: Duration, boot: Duration) -> Duration? {
        let now = real - boot
        let jump = now - offset
        offset = now
        return jump > Self.threshold || jump < .zero - Self.threshold ? jump : nil
    }
}
