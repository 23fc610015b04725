package import MeshTypes

/// Copies of a share of a route's requests go elsewhere as well: their answers are thrown away, and what becomes of them touches nobody (R4.4).
package struct Mirror: Hashable, Sendable {
    package static let defaultConcurrency = 16
    package static let maximumConcurrency = 1024
    package static let defaultTimeout = Duration.seconds(1)
    /// Nobody waits for a copy, so it must not hold its place for long.
    package static let longestTimeout = Duration.seconds(60)

    /// nil: the service that the requests are for.
    package var service: ServiceName?
    /// Of the instances that get the copies; nil for any.
    package var version: String?
    /// Of the route's requests, in hundredths of a percent.
    package var share = 10_000
    /// Copies of one route under way at one moment, on one node; beyond it none is made.
    package var concurrency = defaultConcurrency
    /// For a copy as a whole, from when it is made to the end of its answer.
    package var timeout = defaultTimeout

    package init() {}

    package func strikes(using random: inout some RandomNumberGenerator) -> Bool {
        share >= 10_000 || Int.random(in: 0..<10_000, using: &random) < share
    }
}
