import ArgumentParser
import Foundation

/// `make bench`: L4, HTTP/1.1 and HTTP/2, measured against other proxies in the same run.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "myelin-bench",
        abstract: "Measures Myelin against Envoy, HAProxy and nginx, paired and interleaved, one core for the proxies.",
        discussion: "Needs root. Only ratios within one run and CPU per operation mean anything: machines are shared and noisy.",
        subcommands: [AnnounceCommand.self]
    )

    @Option(help: "Envoy's binary; without it Envoy is not measured.")
    var envoy: String?
    @Option(help: "HAProxy's binary.")
    var haproxy = "/usr/sbin/haproxy"
    @Option(help: "nginx's binary.")
    var nginx = "/usr/sbin/nginx"
    @Option(help: "nghttpd's binary, which answers HTTP/2.")
    var nghttpd = "/usr/sbin/nghttpd"
    @Option(help: "Where to write the results as JSON.")
    var output: String?
    @Option(help: "How often everything is measured; the median counts.")
    var rounds: Int?
    @Option(
        help: """
            Only these tables (plain, pair, same-node, http, http-pair, http2, http2-pair, mesh for its size, registry for one in etcd), \
            separated by commas.
            """)
    var tables: String?
    @Option(help: "Only these contenders, separated by commas.")
    var contenders: String?
    @Flag(help: "About three minutes instead of twenty.")
    var quick = false

    func run() throws {
        guard geteuid() == 0 else {
            throw ValidationError("The benchmark makes network namespaces and loads kernel programs: run it as root.")
        }
        var plan = quick ? Plan.quick : Plan.full
        if let rounds { plan.rounds = max(1, rounds) }
        let chosen = tables.map { Set($0.split(separator: ",").map(String.init)) }
        plan.tables = Table.allCases.filter { chosen?.contains($0.rawValue) ?? true }
        plan.meshSizes = chosen?.contains("mesh") ?? true ? (quick ? MeshSize.quickSizes : MeshSize.sizes) : []
        if chosen?.contains("registry") ?? true { plan.sharedRegistry = quick ? SharedRegistry.quickSize : SharedRegistry.size }
        let wanted = contenders.map { Set($0.split(separator: ",").map(String.init)) }
        let binaries = Binaries(envoy: envoy, haproxy: haproxy, nginx: nginx, nghttpd: nghttpd)

        let bench = try Bench(plan: plan, binaries: binaries, wanted: wanted)
        defer { bench.close() }
        let report = bench.run()
        print(report.tables())
        if let output {
            try report.json().write(to: URL(fileURLWithPath: output))
            print("Results as JSON: \(output)")
        }
    }
}
