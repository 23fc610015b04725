/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel programs and user space share: structures, constants, map layouts.
 * Addresses are 16 bytes in network order; IPv4 is v4-mapped (::ffff:a.b.c.d). Ports are in host order.
 * Any change of a layout raises MYELIN_ABI_VERSION: pins of another version are never taken over.
 */
#ifndef MYELIN_ABI_H
#define MYELIN_ABI_H

#include <linux/types.h>

#define MYELIN_ABI_VERSION 1

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
#define MYELIN_MAX_DNS_SLOTS 65536
#define MYELIN_MAX_LOCAL_ENDPOINTS 8
#define MYELIN_EVENT_RING_BYTES (1 << 20)

struct myelin_address {
	__u8 ip[16];
	__u16 port;
	__u16 reserved;
};

/* workloads: cgroup id -> whom its processes are. */
#define MYELIN_WORKLOAD_HOST_NETNS (1u << 0) /* shares the node's network namespace */
#define MYELIN_WORKLOAD_EXEMPT (1u << 1)     /* not meshed: every hook lets it pass */
#define MYELIN_WORKLOAD_PERMISSIVE (1u << 2) /* plaintext from outside is accepted, and counted */

struct myelin_workload {
	__u32 workload; /* numeric workload, unique on the node */
	__u32 service;  /* numeric service */
	__u32 flags;
	__u32 netns; /* index of its namespace in `listeners` */
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

/* flow permits, and the daemon's own deliveries: 4-tuple -> who (source and destination as the source's socket sees them). */
struct myelin_flow_key {
	struct myelin_address source;
	struct myelin_address destination;
};

struct myelin_flow {
	__u32 source_workload;
	__u32 source_service;
	__u32 destination_service;
	__u32 reserved;
};

/* What getsockopt(SO_ORIGINAL_DST at level SOL_IP or SOL_IPV6) answers on a captured socket of the daemon. */
struct myelin_original_destination {
	struct myelin_address destination;
	__u32 workload;
	__u32 service;
	__u32 netns;
	__u64 cgroup;
	__u64 cookie;
};

/* dns_slots: slot (the low 24 bits of the address that the resolver receives on) -> who asks which server. */
struct myelin_dns_slot {
	struct myelin_address server;
	__u32 workload;
	__u32 service;
	__u32 netns;
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
	MYELIN_REASON_MPTCP = 7,
	MYELIN_REASON_SOCKET_KIND = 8,  /* SCTP, DCCP, ping, UDP-Lite, ... */
	MYELIN_REASON_PLAINTEXT = 9,    /* inbound connection that did not come through the mesh */
	MYELIN_REASON_OWN_PORT = 10,    /* a workload dialled the daemon's ports */
	MYELIN_REASON_NO_ENDPOINT = 11, /* the service has no endpoint left */
	MYELIN_REASON_TABLE_FULL = 12,  /* a map is full: closed */
	MYELIN_REASON_NOT_RUNNING = 13, /* the daemon is dead */
	MYELIN_REASON_LEAK = 14,        /* egress backstop: packet outside of any captured flow */
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
	struct myelin_address destination;
};

#ifdef __cplusplus
#define MYELIN_STATIC_ASSERT static_assert
#else
#define MYELIN_STATIC_ASSERT _Static_assert
#endif
MYELIN_STATIC_ASSERT(sizeof(struct myelin_address) == 20, "address");
MYELIN_STATIC_ASSERT(sizeof(struct myelin_workload) == 16, "workload");
MYELIN_STATIC_ASSERT(sizeof(struct myelin_local_endpoints) == 8 + 20 * MYELIN_MAX_LOCAL_ENDPOINTS, "local endpoints");
MYELIN_STATIC_ASSERT(sizeof(struct myelin_flow_key) == 40, "flow key");
MYELIN_STATIC_ASSERT(sizeof(struct myelin_original_destination) == 48, "original destination");
MYELIN_STATIC_ASSERT(sizeof(struct myelin_dns_slot) == 32, "dns slot");
MYELIN_STATIC_ASSERT(sizeof(struct myelin_event) == 112, "event");

#endif
