/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel programs and user space share: structures, constants, map layouts.
 * Addresses are 16 bytes in network order; IPv4 is v4-mapped (::ffff:a.b.c.d). Ports are in host order.
 * Any change of a layout raises MYELIN_ABI_VERSION: pins of another version are never taken over.
 */
#ifndef MYELIN_ABI_H
#define MYELIN_ABI_H

#include <linux/types.h>

#define MYELIN_ABI_VERSION 2

/* The daemon's listeners inside every workload's network namespace. */
#define MYELIN_CAPTURE_PORT 15001
#define MYELIN_DNS_PORT 15053
/* The daemon's listener on the node for HBONE. */
#define MYELIN_TUNNEL_PORT 15008

/* Bounds of the maps. */
#define MYELIN_MAX_WORKLOADS 16384
#define MYELIN_MAX_DESTINATIONS 262144
#define MYELIN_MAX_VERDICTS 262144
#define MYELIN_MAX_FLOWS 131072
#define MYELIN_MAX_NAMESPACES 1024
/* Cgroups that services had before: the least recently used ones are forgotten first. */
#define MYELIN_MAX_FORMER_CGROUPS 16384
#define MYELIN_MAX_DNS_SLOTS 65536
#define MYELIN_MAX_LOCAL_ENDPOINTS 8
#define MYELIN_EVENT_RING_BYTES (1 << 20)
/* Paths of cgroups that are known before the cgroups are there, and how long they may be, with the final zero. */
#define MYELIN_MAX_PATHS 16384
#define MYELIN_PATH_BYTES 384
#define MYELIN_MAX_VETHS 4096
#define MYELIN_MAX_TRAILS 262144
/* How deep below the root of cgroup v2 a workload's cgroup may lie. */
#define MYELIN_MAX_CGROUP_LEVEL 16
/* How many DNS servers one workload may name: it cannot use up the slots of others. */
#define MYELIN_MAX_DNS_SERVERS 64

/* DNS slots: 127.x.y.z with the slot in the low 24 bits, and fd6d:7965:6c69:1::<slot>. Below the first lie ordinary loopback addresses. */
#define MYELIN_FIRST_DNS_SLOT 0x010000u
#define MYELIN_LAST_DNS_SLOT 0xfffffeu
#define MYELIN_SLOT_PREFIX_HIGH 0xfd6d79656c690001ull

/* What the daemon marks its source-preserving sockets with, and the routing table of that mark. */
#define MYELIN_MARK 0x539
#define MYELIN_MARK_TABLE 100

struct myelin_address {
	__u8 ip[16];
	__u16 port;
	__u16 reserved;
};

/* workloads: cgroup id -> whom its processes are. */
#define MYELIN_WORKLOAD_HOST_NETNS (1u << 0) /* shares the node's network namespace */
#define MYELIN_WORKLOAD_EXEMPT (1u << 1)     /* not meshed: every hook lets it pass */
#define MYELIN_WORKLOAD_PERMISSIVE (1u << 2) /* plaintext from outside is accepted, and counted */
#define MYELIN_WORKLOAD_DAEMON (1u << 3)     /* the daemon itself (set together with EXEMPT) */
#define MYELIN_WORKLOAD_CLOSED (1u << 4)     /* nobody: what no deeper entry names is refused, whatever `unknown` says */

struct myelin_workload {
	__u32 workload; /* numeric workload, unique on the node */
	__u32 service;  /* numeric service */
	__u32 flags;
	__u32 netns; /* index of its namespace in `listeners` */
};

/* known_paths: the path of a cgroup below the root of cgroup v2 -> what a cgroup that is made there is, from its first process on. */
struct myelin_path {
	char text[MYELIN_PATH_BYTES]; /* filled up with zeros */
};

struct myelin_known_path {
	struct myelin_workload entry;
	__u64 cgroup; /* the id that the path has, or had last; 0: not known */
};

/* veths: the index of a device in the node's namespace, the host's end of a pod's -> the index of the pod's namespace in `namespaces`. */
struct myelin_veth {
	__u32 netns;
};

/* trails: connections that the filter of a pod's device saw. Times are CLOCK_MONOTONIC, ns. */
struct myelin_trail {
	__u64 permitted; /* the last segment that `flows` permitted */
	__u64 entered;   /* the last segment from outside to a pod that this one answers */
};

/* destinations: an address that workloads may name (virtual address or endpoint, with port) -> service. */
#define MYELIN_DESTINATION_DEAD (1u << 0) /* no endpoint left: refuse at once with ECONNREFUSED */
/* The address of one endpoint, not a virtual one: DIRECT only if that very address is in local_endpoints, else PROXY. */
#define MYELIN_DESTINATION_ENDPOINT (1u << 1)

struct myelin_destination {
	__u32 service;
	__u32 flags;
};

/* verdicts: {source service, destination service} -> what the connect hook does. Absent means denied (default deny). */
enum myelin_action {
	MYELIN_ACTION_DENY = 0,
	MYELIN_ACTION_PROXY = 1,  /* to the daemon */
	MYELIN_ACTION_DIRECT = 2, /* to a local endpoint if there is one, else to the daemon */
};

struct myelin_verdict_key {
	__u32 source;
	__u32 destination;
};

struct myelin_verdict {
	__u32 action;
	__u32 reason; /* enum myelin_reason, for MYELIN_ACTION_DENY */
};

/* local_endpoints: service -> the endpoints of it on this node that may be reached directly. */
struct myelin_local_endpoints {
	__u32 count;
	__u32 reserved;
	struct myelin_address endpoint[MYELIN_MAX_LOCAL_ENDPOINTS];
};

/*
 * listeners: a SOCKMAP. Index 2 * namespace: the capture listener for IPv4, 2 * namespace + 1: for IPv6. The kernel removes a socket
 * from it when the socket closes, so that the last entry, a socket that lives as long as the daemon, tells whether the daemon lives.
 */
#define MYELIN_LISTENER_COUNT (2 * MYELIN_MAX_NAMESPACES + 1)
#define MYELIN_LIVENESS (2 * MYELIN_MAX_NAMESPACES)

/*
 * resolvers: a SOCKMAP of the resolver's UDP sockets, by the same indices as `listeners`. Datagrams for a DNS slot reach these sockets
 * and nobody else's; where there is none, DNS is refused.
 */
#define MYELIN_RESOLVER_COUNT (2 * MYELIN_MAX_NAMESPACES)

/* guarded: cookie of a network namespace in which the daemon captures -> its index. Nobody else takes the daemon's ports there. */

/* former: id of a cgroup that is or was a workload's -> its service. Ids are not used twice, and a listener outlives its cgroup. */

/* namespaces: index -> a network namespace in which the daemon captures. */
#define MYELIN_NAMESPACE_PERMISSIVE (1u << 0) /* its guard passes plaintext, and counts it */
#define MYELIN_NAMESPACE_HAS_V4 (1u << 1)
#define MYELIN_NAMESPACE_HAS_V6 (1u << 2)

struct myelin_namespace {
	__u64 cookie; /* SO_NETNS_COOKIE; 0: the index is free */
	__u32 flags;
	__u32 workload; /* of a pod, for events */
	__u32 service;
	__u32 reserved;
	__u8 v4[16]; /* the address that captured sockets are bound to, so that getsockname is as without the mesh */
	__u8 v6[16];
};

/* node_ports: a port of the node's own namespace -> the meshed service that owns it. */
struct myelin_port_key {
	__u16 port;
	__u16 protocol; /* IPPROTO_TCP or IPPROTO_UDP */
};

struct myelin_port_owner {
	__u32 workload;
	__u32 service;
	__u32 flags; /* MYELIN_WORKLOAD_PERMISSIVE */
};

/*
 * flows (permits of direct flows) and deliveries (the daemon's own connections): 4-tuple as the source's socket sees it.
 * netns is the cookie of the namespace for deliveries and for flows over loopback, 0 for flows between namespaces.
 */
struct myelin_flow_key {
	__u64 netns;
	struct myelin_address source;
	struct myelin_address destination;
};

#define MYELIN_FLOW_WRONG_LISTENER (1u << 0) /* somebody else than the service listens there: it was refused */
#define MYELIN_FLOW_COMMON (1u << 1)         /* it takes a place that all workloads share */

struct myelin_flow {
	__u32 source_workload;
	__u32 source_service;
	__u32 destination_service; /* whose listener must take it; 0: anybody's (deliveries only) */
	__u32 flags;
};

/*
 * What getsockopt(SO_ORIGINAL_DST at level SOL_IP or SOL_IPV6) answers on a captured socket of the daemon. On a connection that the daemon
 * makes it answers with the flags of its delivery (__u32), and setsockopt(SOL_IP, SO_ORIGINAL_DST) before the connect says which service
 * (__u32) must take it.
 */
struct myelin_original_destination {
	struct myelin_address destination;
	__u32 workload;
	__u32 service;
	__u32 netns;
	__u64 cgroup;
	__u64 cookie;
};

/* pending: a captured connection on its way to the daemon's listener -> what it asked for. Taken out when it is accepted. */
struct myelin_pending {
	struct myelin_original_destination origin;
	__u32 flags; /* MYELIN_FLOW_COMMON */
	__u32 reserved;
};

/*
 * shares: how many entries of `pending` and `flows` together one workload is sure of, and how many all have in common beyond that, first
 * come first served. usage: workload -> what it takes.
 */
struct myelin_share {
	__u32 guaranteed;
	__u32 common;
};

struct myelin_usage {
	__u32 entries;
	__u32 reserved;
	__u64 refused; /* connections, since it was enrolled */
};

/* dns_slots: slot (the low 24 bits of the address that the resolver receives on) -> who asks which server. */
struct myelin_dns_slot {
	struct myelin_address server;
	__u32 workload;
	__u32 service;
	__u32 netns;
};

/* dns_servers: who asks which server -> slot. */
struct myelin_dns_key {
	struct myelin_address server;
	__u32 workload;
};

/* Why something was refused in the kernel. Values are stable; MeshTypes.DenialReason has the same raw values. */
enum myelin_reason {
	MYELIN_REASON_NONE = 0,
	MYELIN_REASON_NOT_ALLOWED = 1,      /* no allow rule (default deny) */
	MYELIN_REASON_DENIED = 2,           /* a deny rule */
	MYELIN_REASON_EGRESS = 3,           /* destination outside the mesh */
	MYELIN_REASON_UNKNOWN_WORKLOAD = 4, /* the daemon does not know this cgroup */
	MYELIN_REASON_UDP = 5,              /* UDP other than DNS */
	MYELIN_REASON_RAW_SOCKET = 6,
	MYELIN_REASON_MPTCP = 7,              /* EPROTONOSUPPORT: programs fall back to TCP by themselves */
	MYELIN_REASON_SOCKET_KIND = 8,        /* SCTP, DCCP, ping, UDP-Lite, ...: EPROTONOSUPPORT */
	MYELIN_REASON_PLAINTEXT = 9,          /* inbound connection that did not come through the mesh */
	MYELIN_REASON_OWN_PORT = 10,          /* somebody dialled or bound the daemon's ports */
	MYELIN_REASON_NO_ENDPOINT = 11,       /* the service has no endpoint left */
	MYELIN_REASON_TABLE_FULL = 12,        /* a map, or the workload's share of it, is full: closed */
	MYELIN_REASON_NOT_RUNNING = 13,       /* the daemon is dead */
	MYELIN_REASON_LEAK = 14,              /* egress backstop: packet outside of any captured flow */
	MYELIN_REASON_WRONG_LISTENER = 15,    /* another process than the service's listens on its port */
	MYELIN_REASON_UNREADABLE_PACKET = 16, /* its headers lead to no transport that its socket speaks: a fragment, or too many of them */
};

enum myelin_event_kind {
	MYELIN_EVENT_DENIED_OUTBOUND = 1,
	MYELIN_EVENT_DENIED_INBOUND = 2,
	MYELIN_EVENT_DIRECT_OPENED = 3,
	MYELIN_EVENT_DIRECT_CLOSED = 4,
	MYELIN_EVENT_PERMISSIVE_INBOUND = 5,
};

/* One record of the ring `events`. Bytes are as the source's socket counts them. */
struct myelin_event {
	__u64 time;     /* CLOCK_MONOTONIC, ns */
	__u64 duration; /* ns, for DIRECT_CLOSED */
	__u64 bytes_sent;
	__u64 bytes_received;
	__u64 cgroup;
	__u32 kind;
	__u32 reason;
	__u32 source_workload;
	__u32 source_service;
	__u32 destination_service;
	__u32 netns;
	__u32 protocol; /* IPPROTO_* */
	__u32 failed;   /* DIRECT_CLOSED: errno of a connect that never established, else 0 */
	struct myelin_address source;
	struct myelin_address destination; /* of a direct flow: the endpoint */
	struct myelin_address dialled;     /* what the program asked for */
	__u32 padding;
};

/* The constants (.rodata) of capture.bpf.o and guard.bpf.o. */
struct myelin_capture_constants {
	__u64 node_netns;      /* cookie of the node's own namespace */
	__u64 service_manager; /* cgroup of process 1, which listens in the name of services (socket activation); 0: not known */
	__u32 refuse_unknown;
	__u32 reserved;
};

struct myelin_guard_constants {
	__u64 netns; /* cookie of the guarded namespace */
	__u32 index;
	__u32 node; /* the node's own: only node_ports are guarded */
};

/* counters: a per-CPU array. */
enum myelin_counter {
	MYELIN_COUNTER_LOST_EVENTS = 0,
	MYELIN_COUNTER_CAPTURED = 1,        /* connections sent to the daemon */
	MYELIN_COUNTER_DIRECT = 2,          /* connections that went directly to a local endpoint */
	MYELIN_COUNTER_LOCAL = 3,           /* connections over a pod's own loopback */
	MYELIN_COUNTER_DENIED_OUTBOUND = 4, /* refused at connect, sendmsg or socket */
	MYELIN_COUNTER_DENIED_INBOUND = 5,  /* refused by a guard */
	MYELIN_COUNTER_PERMISSIVE = 6,      /* plaintext that a permissive guard passed */
	MYELIN_COUNTER_DNS = 7,             /* datagrams and UDP connects sent to the resolver */
	MYELIN_COUNTER_LEAKS = 8,           /* packets dropped by the backstops */
	MYELIN_COUNTER_PAUSED = 9,          /* packets of direct flows dropped because the daemon is dead */
	MYELIN_COUNTER_TABLE_FULL = 10,     /* connections refused because a map was full */
	MYELIN_COUNTERS = 11,
};

#ifdef __cplusplus
#define MYELIN_STATIC_ASSERT static_assert
#else
#define MYELIN_STATIC_ASSERT _Static_assert
#endif
MYELIN_STATIC_ASSERT(sizeof(struct myelin_address) == 20, "address");
MYELIN_STATIC_ASSERT(sizeof(struct myelin_workload) == 16, "workload");
MYELIN_STATIC_ASSERT(sizeof(struct myelin_local_endpoints) == 8 + 20 * MYELIN_MAX_LOCAL_ENDPOINTS, "local endpoints");
MYELIN_STATIC_ASSERT(sizeof(struct myelin_flow_key) == 48, "flow key");
MYELIN_STATIC_ASSERT(sizeof(struct myelin_pending) == 56, "pending");
MYELIN_STATIC_ASSERT(sizeof(struct myelin_usage) == 16, "usage");
MYELIN_STATIC_ASSERT(sizeof(struct myelin_namespace) == 56, "namespace");
MYELIN_STATIC_ASSERT(sizeof(struct myelin_port_owner) == 12, "port owner");
MYELIN_STATIC_ASSERT(sizeof(struct myelin_dns_key) == 24, "dns key");
MYELIN_STATIC_ASSERT(sizeof(struct myelin_original_destination) == 48, "original destination");
MYELIN_STATIC_ASSERT(sizeof(struct myelin_dns_slot) == 32, "dns slot");
MYELIN_STATIC_ASSERT(sizeof(struct myelin_event) == 136, "event");
MYELIN_STATIC_ASSERT(sizeof(struct myelin_known_path) == 24, "known path");

#endif
