import Foundation
import Glibc
import MeshConfig
import MeshRegistry
import MeshTypes
import Testing

/// Directories that look like cgroups, with this process in them: entering a network namespace takes root, even the own one.
@Suite(.enabled(if: geteuid() == 0 || ProcessInfo.processInfo.environment["CI"] == "true", "needs root")) struct DiscoveryTests {
    private let root = NSTemporaryDirectory() + "myelin-discovery-" + UUID().uuidString

    private func group(_ path: String, process: Int32? = getpid()) throws {
        try FileManager.default.createDirectory(atPath: root + path, withIntermediateDirectories: true)
        try (process.map { "\($0)\n" } ?? "").write(toFile: root + path + "/cgroup.procs", atomically: true, encoding: .utf8)
    }

    private func discovery(_ rules: String) throws -> Discovery {
        let text = "node: {name: n1, address: 10.0.0.1}\ndiscovery: [\(rules)]\n"
        let rules = try NodeConfiguration.read(Array(text.utf8), file: "node.yaml").discovery
        return Discovery(rules, root: root, node: "n1", address: IPAddress("10.0.0.1")!)
    }

    private func records(_ discovery: Discovery) async -> RegistryRecords? {
        await discovery.look()
        guard case .records(let records, _) = await discovery.report else { return nil }
        return records
    }

    /// - Returns: a listening socket and its port.
    private func listen(_ address: String, port: UInt16 = 0) throws -> (socket: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = inet_addr(address)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && Glibc.listen(descriptor, 4) == 0 && getsockname(descriptor, $0, &size) == 0
            }
        }
        try #require(code)
        return (descriptor, UInt16(bigEndian: name.sin_port))
    }

    @Test func anInstanceGoesFromItsCgroupToItsEndpointAndBack() async throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        let (socket, port) = try listen("0.0.0.0")
        let discovery = try discovery("{unit: \"wallet@{n}.service\", service: wallet, port: \(port), version: \"v{n}\"}")
        #expect(await records(discovery)?.isEmpty == true)

        let unit = "/system.slice/system-wallet.slice/wallet@7.service"
        try group(unit, process: nil)
        #expect(await records(discovery)?.isEmpty == true)
        #expect(await discovery.instances.map(\.stage) == [.empty])

        try group(unit)
        let found = try #require(await records(discovery))
        #expect(found.workloads.map(\.workload.cgroup) == [unit] && found.workloads.first?.workload.sharesNodeNamespace == true)
        #expect(found.services.first?.endpoints.map(\.address.description) == ["10.0.0.1"])
        #expect(found.services.first?.endpoints.first?.version == "v7" && found.services.first?.endpoints.first?.port == port)

        close(socket)
        let starting = try #require(await records(discovery))
        #expect(starting.workloads.count == 1 && starting.services.first?.endpoints.isEmpty == true)
        // Without a process it stays captured; without a cgroup it is gone.
        try group(unit, process: nil)
        #expect(await records(discovery)?.workloads.count == 1)
        try FileManager.default.removeItem(atPath: root + unit)
        #expect(await records(discovery)?.isEmpty == true)
    }

    @Test func whoListensOnLoopbackOnlyOrIsAnotherTakesNoCalls() async throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        let (loopback, port) = try listen("127.0.0.1")
        defer { close(loopback) }
        try group("/a")
        let local = try discovery("{cgroup: /a, service: a, port: \(port), netns: host}")
        #expect(await records(local)?.services.first?.endpoints.isEmpty == true)
        #expect(await local.instances.first?.reason?.contains("listens on 127.0.0.1:\(port) only") == true)

        let (everywhere, other) = try listen("0.0.0.0")
        defer { close(everywhere) }
        // Process 1 does not have this socket.
        try group("/b", process: 1)
        let foreign = try discovery("{cgroup: /b, service: b, port: \(other), netns: host}")
        #expect(await records(foreign)?.services.first?.endpoints.isEmpty == true)
        #expect(await foreign.instances.first?.reason?.contains("another process listens") == true)
    }

    @Test func theFirstRuleCountsAndWhatCannotBeUsedIsSaid() async throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        for name in ["wallet-1", "wallet-2", "Bad Name-1", "other"] { try group("/pods/" + name) }
        let discovery = try discovery("{cgroup: /pods/wallet-2, service: special}, {cgroup: \"/pods/{name}-*\", service: \"{name}\"}")
        let found = try #require(await records(discovery))
        #expect(
            found.workloads.map { "\($0.workload.service.name) \($0.workload.cgroup)" } == [
                "special /pods/wallet-2", "wallet /pods/wallet-1",
            ])
        #expect(await discovery.instances.filter { $0.stage == .invalid }.map(\.cgroup) == ["/pods/Bad Name-1"])
    }
}
