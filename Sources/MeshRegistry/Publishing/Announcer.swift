package import MeshTypes

/// Keeps the stores told of what this node has: the newest announcement, until each store has it.
package actor Announcer {
    private static let shortestDelay = Duration.milliseconds(250)
    private static let longestDelay = Duration.seconds(10)

    /// How a store is told.
    package struct Status: Sendable {
        package let name: SourceName
        /// nil while the store has the newest announcement.
        package let failure: SourceFailure?
        package let isCurrent: Bool
    }

    private struct Outlet {
        let publisher: any RegistryPublisher
        let wakes: AsyncStream<Void>
        let wakeUp: AsyncStream<Void>.Continuation
        var published: UInt64 = 0
        var failure: SourceFailure?
    }

    private var outlets: [Outlet]
    private var newest: NodeAnnouncement?
    /// Counts announcements.
    private var generation: UInt64 = 0
    private let failed: @Sendable (SourceName, SourceFailure) -> Void

    package init(_ publishers: [any RegistryPublisher], failed: @escaping @Sendable (SourceName, SourceFailure) -> Void) {
        self.failed = failed
        outlets = publishers.map { publisher in
            let (wakes, wakeUp) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
            return Outlet(publisher: publisher, wakes: wakes, wakeUp: wakeUp)
        }
    }

    package func announce(_ announcement: NodeAnnouncement) {
        guard announcement != newest else { return }
        newest = announcement
        generation += 1
        for outlet in outlets { outlet.wakeUp.yield() }
    }

    package var statuses: [Status] {
        outlets.map { Status(name: $0.publisher.name, failure: $0.failure, isCurrent: $0.published == generation) }
    }

    /// Returns when all stores have the newest announcement, or at the deadline.
    package func settle(until deadline: ContinuousClock.Instant) async {
        while outlets.contains(where: { $0.published < generation }), ContinuousClock.now < deadline {
            do { try await Task.sleep(for: .milliseconds(10)) } catch { return }
        }
    }

    /// Until cancelled.
    package func run() async {
        let outlets = outlets
        await withTaskGroup { group in
            for (index, outlet) in outlets.enumerated() {
                group.addTask { await outlet.publisher.run() }
                group.addTask { await self.serve(index, outlet.publisher, outlet.wakes) }
            }
        }
    }

    private func serve(_ index: Int, _ publisher: any RegistryPublisher, _ wakes: AsyncStream<Void>) async {
        for await _ in wakes {
            var delay = Self.shortestDelay
            while !Task.isCancelled, let newest, outlets[index].published < generation {
                let target = generation
                do throws(SourceFailure) {
                    try await publisher.publish(newest)
                    outlets[index].published = target
                    outlets[index].failure = nil
                    delay = Self.shortestDelay
                } catch {
                    if outlets[index].failure?.code != error.code { failed(publisher.name, error) }
                    outlets[index].failure = error
                    try? await Task.sleep(for: delay * Double.random(in: 0.5...1))
                    delay = min(delay * 2, Self.longestDelay)
                }
            }
        }
    }
}
