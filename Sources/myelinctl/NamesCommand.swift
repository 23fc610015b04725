internal import ArgumentParser
internal import Foundation
internal import MeshAdmin

struct NamesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dns", abstract: "How workloads' DNS queries fare: upstreams and their health, the cache, results.")
    @OptionGroup var options: ControlOptions

    func run() async throws {
        let view = try await options.ask { client throws(StatusClientFailure) in try await client.names() }
        guard options.output == .table else { return try options.printJSON(view) }
        try options.show(
            view.upstreams,
            [
                Column("UPSTREAM") { $0.address }, Column("FROM") { $0.isConfigured ? "node.yaml" : "resolv.conf" },
                Column("STATE") { $0.isDown ? "down" : "up" }, Column("FAILURES") { "\($0.failures)" },
                Column("LAST FAILURE") { $0.lastFailure ?? "" },
                Column("LATENCY") { $0.latencyMilliseconds > 0 ? String(format: "%.1f ms", $0.latencyMilliseconds) : "-" },
                Column("QUERIES") { "\($0.queries)" }, Column("ANSWERS") { "\($0.answers)" },
            ], none: "No server is asked for names outside the mesh: neither dns.upstream nor the node's resolv.conf names one.")
        if !view.refusals.isEmpty {
            try options.show(
                view.refusals,
                [
                    Column(view.foreign == "audit" ? "WOULD REFUSE" : "REFUSED") { $0.service }, Column("WHY") { $0.why },
                    Column("NAMES ASKED") { "\($0.count)" },
                ], none: "")
        }
        let cache = view.cache
        print(
            """
            cache         \(cache.entries) answers, \(Readable.bytes(UInt64(cache.bytes))) of \(Readable.bytes(UInt64(cache.capacity))); \
            \(cache.hits) hits, \(cache.misses) misses, \(cache.stale) stale, \(cache.evictions) evicted
            results       \(view.queries.map { "\($0.count) \($0.result)" }.joined(separator: ", "))
            now           \(view.waiting) wait for an upstream, \(view.connections) connections over TCP
            unsolicited   \(view.unsolicited)
            view          \(view.view)
            foreign       \(view.foreign)
            """)
    }
}
