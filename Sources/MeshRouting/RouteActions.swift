/// A version's part of a route's requests.
package struct VersionShare: Hashable, Sendable {
    package let version: String
    package let weight: Int

    package init(version: String, weight: Int) {
        self.version = version
        self.weight = weight
    }
}

extension [VersionShare] {
    /// One of them by weight; nil when there are none.
    package func drawn(using random: inout some RandomNumberGenerator) -> VersionShare? {
        guard let first else { return nil }
        guard count > 1 else { return first }
        var mark = Int.random(in: 0..<Swift.max(1, reduce(0) { $0 + $1.weight }), using: &random)
        for share in self {
            mark -= share.weight
            if mark < 0 { return share }
        }
        return last
    }
}

/// A failure made on purpose, to see how callers take it.
package struct InjectedFault: Hashable, Sendable {
    /// Before the request goes on its way.
    package var delay: Duration?
    /// Answered in the service's place.
    package var abort: Int?
    /// Of the route's requests, in hundredths of a percent.
    package var share = 10_000

    package init() {}

    package func strikes(using random: inout some RandomNumberGenerator) -> Bool {
        share >= 10_000 || Int.random(in: 0..<10_000, using: &random) < share
    }
}

/// The caller is sent elsewhere (RFC 9110 §15.4).
package struct Redirect: Hashable, Sendable {
    package let status: Int
    /// A path, or an absolute URI; the query is not kept.
    package let location: String

    package static let statuses = [301, 302, 303, 307, 308]

    package init(status: Int, location: String) {
        self.status = status
        self.location = location
    }
}
