import MeshControl
import Testing

@Suite struct WorkloadPowersTests {
    private static let writable = "31 24 0:27 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
    private static let readOnly = "31 24 0:27 / /sys/fs/cgroup ro,nosuid shared:9 - cgroup2 cgroup2 rw\n"

    private func status(uid: Int = 0, effective: String = "0", bounding: String = "0", noNewPrivileges: Int = 0) -> String {
        "Name:\tx\nUid:\t\(uid)\t\(uid)\t\(uid)\t\(uid)\nCapEff:\t\(effective)\nCapBnd:\t\(bounding)\nNoNewPrivs:\t\(noNewPrivileges)\n"
    }

    @Test func tellsWhatAProcessHasAndWhatItCouldGet() {
        let powers = WorkloadPowers(status: status(uid: 33, effective: "2000", bounding: "000001ffffffffff"), mounts: Self.writable)
        #expect(powers.effective == ["NET_RAW"] && powers.obtainable == ["NET_ADMIN", "SYS_ADMIN"] && !powers.writesCgroups)
        #expect(powers.described(networkIsFiltered: false) == ["has NET_RAW", "could get NET_ADMIN", "could get SYS_ADMIN"])
    }

    @Test func aFilteredNetworkLeavesSYSADMINOnly() {
        let powers = WorkloadPowers(status: status(effective: "203000", bounding: "203000"), mounts: Self.readOnly)
        #expect(powers.described(networkIsFiltered: true) == ["has SYS_ADMIN"])
    }

    @Test func withoutNewPrivilegesTheBoundingSetIsOutOfReach() {
        let powers = WorkloadPowers(status: status(uid: 33, bounding: "000001ffffffffff", noNewPrivileges: 1), mounts: Self.writable)
        #expect(powers.described(networkIsFiltered: false).isEmpty)
    }

    @Test func rootWritesCgroupsWhereTheyAreMountedSo() {
        #expect(WorkloadPowers(status: status(), mounts: Self.writable).writesCgroups)
        #expect(!WorkloadPowers(status: status(), mounts: Self.readOnly).writesCgroups)
        #expect(!WorkloadPowers(status: status(), mounts: "22 1 0:21 / / rw - ext4 /dev/vda rw\n").writesCgroups)
        #expect(!WorkloadPowers(status: status(uid: 33), mounts: Self.writable).writesCgroups)
    }
}
