internal import CBPF

/// A cgroup hook: the program's name in `capture.bpf.o`, which is also the name of its pinned link.
struct CgroupHook: Sendable {
    let program: String
    let type: bpf_attach_type

    /// Attached to the captured cgroup. Egress comes last: it drops what the others have not marked.
    static let workloads: [CgroupHook] = [
        CgroupHook(program: "sock_create", type: BPF_CGROUP_INET_SOCK_CREATE),
        CgroupHook(program: "workload_sockops", type: BPF_CGROUP_SOCK_OPS),
        CgroupHook(program: "bind4", type: BPF_CGROUP_INET4_BIND),
        CgroupHook(program: "bind6", type: BPF_CGROUP_INET6_BIND),
        CgroupHook(program: "getpeername4", type: BPF_CGROUP_INET4_GETPEERNAME),
        CgroupHook(program: "getpeername6", type: BPF_CGROUP_INET6_GETPEERNAME),
        CgroupHook(program: "recvmsg4", type: BPF_CGROUP_UDP4_RECVMSG),
        CgroupHook(program: "recvmsg6", type: BPF_CGROUP_UDP6_RECVMSG),
        CgroupHook(program: "sendmsg4", type: BPF_CGROUP_UDP4_SENDMSG),
        CgroupHook(program: "sendmsg6", type: BPF_CGROUP_UDP6_SENDMSG),
        CgroupHook(program: "connect4", type: BPF_CGROUP_INET4_CONNECT),
        CgroupHook(program: "connect6", type: BPF_CGROUP_INET6_CONNECT),
        CgroupHook(program: "ingress", type: BPF_CGROUP_INET_INGRESS),
        CgroupHook(program: "egress", type: BPF_CGROUP_INET_EGRESS),
    ]

    /// Attached to the daemon's own cgroup.
    static let daemon: [CgroupHook] = [
        CgroupHook(program: "daemon_sockops", type: BPF_CGROUP_SOCK_OPS),
        CgroupHook(program: "original_destination", type: BPF_CGROUP_GETSOCKOPT),
        CgroupHook(program: "expected_callee", type: BPF_CGROUP_SETSOCKOPT),
    ]

    /// Attached to the root of all cgroups, for what is not captured too; they judge only what happens in this node's namespaces.
    static let doors: [CgroupHook] = [
        CgroupHook(program: "door_bind4", type: BPF_CGROUP_INET4_BIND),
        CgroupHook(program: "door_bind6", type: BPF_CGROUP_INET6_BIND),
        CgroupHook(program: "door_sendmsg4", type: BPF_CGROUP_UDP4_SENDMSG),
        CgroupHook(program: "door_sendmsg6", type: BPF_CGROUP_UDP6_SENDMSG),
        CgroupHook(program: "door_connect4", type: BPF_CGROUP_INET4_CONNECT),
        CgroupHook(program: "door_connect6", type: BPF_CGROUP_INET6_CONNECT),
        CgroupHook(program: "listener", type: BPF_CGROUP_INET_INGRESS),
    ]
}
