import MeshTypes
import MeshWorkloadAPI
import Testing

/// R1.4: a workload's identity comes from its cgroup.
struct WorkloadDirectoryTests {
    private let directory = WorkloadDirectory([
        .of("wallet", in: "/system.slice/wallet.service"), .of("usage", in: "/system.slice/wallet.service/usage"),
        .of("gateway", in: "/system.slice/gateway.service/"),
    ])

    @Test(arguments: [
        ("/system.slice/wallet.service", "wallet"), ("/system.slice/wallet.service/init", "wallet"),
        ("/system.slice/wallet.service/usage", "usage"), ("/system.slice/wallet.service/usage/a/b", "usage"),
        ("/system.slice/gateway.service", "gateway"), ("/system.slice/gateway.service/x", "gateway"),
    ])
    func theDeepestCgroupAboveTheProcessDecides(cgroup: String, service: String) {
        #expect(directory.workload(ofCgroup: cgroup)?.service.name.label == service)
    }

    @Test(arguments: [
        "/", "", "/system.slice", "/system.slice/wallet.service2", "/system.slice/wallet.servic", "/other/wallet.service",
        "/system.slice/wallet.service (deleted)", "/../system.slice",
    ])
    func strangersHaveNone(cgroup: String) { #expect(directory.workload(ofCgroup: cgroup) == nil) }

    @Test func theRootCanBeAWorkload() {
        #expect(WorkloadDirectory([.of("all", in: "/")]).workload(ofCgroup: "/a/b")?.service.name.label == "all")
        #expect(WorkloadDirectory([]).workload(ofCgroup: "/") == nil)
    }
}
