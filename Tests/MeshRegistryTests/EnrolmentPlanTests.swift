import Foundation
import MeshConfig
import MeshRegistry
import MeshTypes
import Testing

/// How a systemd unit becomes a service of the mesh.
@Suite struct EnrolmentPlanTests {
    private static let running = """
        LoadState=loaded
        ActiveState=active
        ControlGroup=/system.slice/wallet.service
        Slice=system.slice
        PrivateNetwork=no
        NetworkNamespacePath=
        """

    private func request(_ port: UInt16? = 8081, unit: String = "wallet.service") throws -> EnrolmentRequest {
        EnrolmentRequest(
            unit: try #require(UnitName(unit)), service: ServiceIdentity(namespace: "default", name: ServiceName("wallet")!), port: port)
    }

    private func place(
        _ registry: String = "/etc/myelin/registry", knowsNode: Bool = false, knowsService: Bool = false, hasEndpoint: Bool = false
    ) -> EnrolmentPlace {
        EnrolmentPlace(
            node: "node-1", address: IPAddress("10.0.0.1")!, zone: "a", region: "", tunnelPort: 15008, registry: registry,
            unitDirectory: "/etc/systemd/system", knowsNode: knowsNode, knowsService: knowsService, hasEndpoint: hasEndpoint,
            hasPolicy: true)
    }

    @Test(arguments: ["wallet.service", "wallet@1.service", "a-b_c:d.e.service"]) func acceptsServiceUnits(name: String) {
        #expect(UnitName(name)?.text == name)
    }

    @Test(arguments: ["wallet", "wallet.socket", ".service", "wallet@.service", "../wallet.service", "wal let.service", "a\n.service"])
    func refusesWhatIsNoServiceUnit(name: String) { #expect(UnitName(name) == nil) }

    @Test(arguments: [
        ("system.slice", "/system.slice"), ("a-b-c.slice", "/a.slice/a-b.slice/a-b-c.slice"), ("-.slice", ""),
    ])
    func slicesLieInOneAnother(slice: String, cgroup: String) { #expect(UnitName.cgroup(ofSlice: slice) == cgroup) }

    @Test func aUnitThatDoesNotRunHasTheCgroupThatItWillHave() throws {
        let unit = try #require(UnitName("wallet.service"))
        let facts = UnitFacts("LoadState=loaded\nActiveState=inactive\nControlGroup=\nSlice=pay-core.slice\n")
        #expect(facts.cgroup(of: unit) == "/pay.slice/pay-core.slice/wallet.service")
        #expect(!facts.isActive && facts.isLoaded)
        #expect(UnitFacts(Self.running).cgroup(of: unit) == "/system.slice/wallet.service")
    }

    @Test func theFilesAreWhatTheRegistryAndSystemdRead() throws {
        let directory = NSTemporaryDirectory() + "myelin-enrol-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let plan = try EnrolmentPlan(request(), UnitFacts(Self.running), place(directory))
        let records = plan.files.filter { $0.path.hasPrefix(directory) }
        #expect(records.count == 2 && plan.files.count == 3)
        let state = try RegistryTrial.load(directory, namespace: "default", with: records)
        let service = try #require(state.services.first)
        #expect(service.port == 8081 && service.endpoints.map(\.address.description) == ["10.0.0.1:8081"])
        let workload = try #require(state.workloads(of: "node-1").first)
        #expect(workload.cgroup == "/system.slice/wallet.service" && workload.sharesNodeNamespace)
        let dropIn = try #require(plan.files.last)
        #expect(dropIn.path == "/etc/systemd/system/wallet.service.d/50-myelin.conf")
        #expect(dropIn.text.contains("After=myelind.service"))
        #expect(dropIn.text.contains("ExecStartPre=!/usr/bin/myelinctl await --timeout 30 /system.slice/wallet.service\n"))
        #expect(dropIn.text.contains("Requires=myelin-closed.service\nAfter=myelin-closed.service\n"))
        // Nothing was written.
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty)
    }

    @Test func aServiceThatTheRegistryHasGetsNoSecondRecord() throws {
        let plan = try EnrolmentPlan(request(nil), UnitFacts(Self.running), place(knowsNode: true, knowsService: true))
        #expect(plan.files.count == 2 && !plan.files[0].text.contains("services:"))
        #expect(plan.remarks.contains { $0.contains("has no endpoint on node-1") })
    }

    @Test func itsOperatorLearnsHowOthersKnowOfIt() throws {
        let alone = try EnrolmentPlan(request(), UnitFacts(Self.running), place(knowsNode: true))
        #expect(alone.remarks.contains { $0.contains("copy /etc/myelin/registry/enrolled-wallet.service.yaml") })
        var place = place(knowsNode: true)
        (place.store, place.asksAuthority) = ("etcd", true)
        let joined = try EnrolmentPlan(request(), UnitFacts(Self.running), place)
        #expect(joined.remarks.contains { $0.contains("by etcd") } && joined.remarks.allSatisfy { !$0.contains("copy") })
        #expect(joined.remarks.contains { $0.contains("name node-1 among the `nodes` of wallet") })
    }

    @Test func namespacesOfItsOwnAreKept() throws {
        var own = try request()
        own.address = IPAddress("10.88.1.2")
        let named = Self.running.replacing("NetworkNamespacePath=", with: "NetworkNamespacePath=/run/netns/pay")
        #expect(try EnrolmentPlan(own, UnitFacts(named), place(knowsNode: true)).files[0].text.contains("netns: '/run/netns/pay'"))
        let isolated = Self.running.replacing("PrivateNetwork=no", with: "PrivateNetwork=yes")
        #expect(!(try EnrolmentPlan(own, UnitFacts(isolated), place(knowsNode: true)).files[0].text.contains("netns")))
        #expect(throws: EnrolmentRefusal.self) { try EnrolmentPlan(request(), UnitFacts(isolated), place()) }
    }

    @Test func movingToTheSliceNeedsARestart() throws {
        var moved = try request()
        moved.movesToSlice = true
        let plan = try EnrolmentPlan(moved, UnitFacts(Self.running), place(knowsNode: true))
        #expect(plan.files[0].text.contains("/meshed.slice/wallet.service"))
        #expect(plan.files[1].text.contains("[Service]\nSlice=meshed.slice\n"))
        #expect(plan.remarks.contains { $0.contains("restart wallet.service") })
    }

    @Test func rightsThatLeadOutOfTheMeshAreTakenAway() throws {
        let text = try #require(EnrolmentPlan(request(), UnitFacts(Self.running), place(knowsNode: true)).files.last).text
        #expect(text.contains("\nCapabilityBoundingSet=~CAP_NET_ADMIN CAP_NET_RAW CAP_SYS_ADMIN CAP_BPF "))
        #expect(text.contains("\nRestrictAddressFamilies=~AF_PACKET AF_XDP AF_KEY\n") && text.contains("\nProtectControlGroups=yes\n"))
        var kept = try request()
        kept.keptCapabilities = ["NET_RAW"]
        kept.writesCgroups = true
        let plan = try EnrolmentPlan(kept, UnitFacts(Self.running), place(knowsNode: true))
        let other = try #require(plan.files.last).text
        #expect(other.contains("~CAP_NET_ADMIN CAP_SYS_ADMIN") && !other.contains("NET_RAW") && !other.contains("AF_PACKET"))
        #expect(!other.contains("ProtectControlGroups"))
        #expect(plan.remarks.contains { $0.contains("keeps NET_RAW") })
    }

    @Test func whatCannotBeIsRefused() throws {
        #expect(throws: EnrolmentRefusal.self) { try EnrolmentPlan(request(), UnitFacts("LoadState=not-found\n"), place()) }
        #expect(throws: EnrolmentRefusal.self) { try EnrolmentPlan(request(nil), UnitFacts(Self.running), place()) }
    }

    /// A percent sign and a backslash mean something to systemd.
    @Test func escapedNamesReachTheCommandAsTheyAre() throws {
        let facts = UnitFacts("LoadState=loaded\nActiveState=inactive\nControlGroup=/system.slice/a\\x2db.service\nSlice=system.slice\n")
        let plan = try EnrolmentPlan(request(unit: "a\\x2db.service"), facts, place(knowsNode: true))
        #expect(plan.files[0].text.contains("cgroup: '/system.slice/a\\x2db.service'"))
        #expect(plan.files[1].text.contains("/system.slice/a\\\\x2db.service\n"))
    }

    @Test func aRegistryThatWouldBeWrongIsSaidInItsOwnPaths() throws {
        let directory = NSTemporaryDirectory() + "myelin-enrol-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let record = PlannedFile(path: directory + "/enrolled-x.yaml", text: "workloads:\n  - {service: x, node: nowhere, cgroup: /x}\n")
        let refusal = #expect(throws: EnrolmentRefusal.self) { try RegistryTrial.load(directory, namespace: "default", with: [record]) }
        #expect(refusal?.what.contains(directory + "/enrolled-x.yaml:2:5") == true)
    }
}
