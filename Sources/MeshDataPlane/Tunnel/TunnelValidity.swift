/// Until when a tunnel may be used. Times are milliseconds of the wall clock, which certificates are judged by.
package struct TunnelValidity {
    /// The earliest end of a certificate of either chain.
    private let end: Int64
    /// From when on new streams go through another tunnel.
    private let renewal: Int64

    /// Nothing is known yet.
    package static let unbounded = TunnelValidity(end: .max, renewal: .max)

    private init(end: Int64, renewal: Int64) {
        self.end = end
        self.renewal = renewal
    }

    /// The client moves on after three quarters of what is left now, the server asks a client that has not after seven eighths. Certificates are
    /// renewed at half of their life, so that the next tunnel shows a new one as a rule; where it does not, the share bounds how often one is opened.
    ///
    /// - Parameters:
    ///   - end: seconds since the epoch.
    ///   - now: milliseconds since the epoch.
    package init(end: Int64, now: Int64, isClient: Bool) {
        self.end = end.multipliedReportingOverflow(by: 1000).overflow ? .max : end * 1000
        let left = max(0, self.end - now)
        renewal = now + (isClient ? left - left / 4 : left - left / 8)
    }

    package func isOver(_ now: Int64) -> Bool { now >= end }
    package func needsCare(_ now: Int64) -> Bool { now >= renewal }
}
