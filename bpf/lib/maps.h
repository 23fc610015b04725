/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* All maps. Both objects include them; user space pins them once and hands the guards the same ones. */
#ifndef MYELIN_MAPS_H
#define MYELIN_MAPS_H

#include "base.h"

/* What a socket's packets may do. */
enum flow_kind {
	KIND_NONE = 0,
	KIND_EXEMPT,         /* made by a process that is not meshed, or by the daemon */
	KIND_LOCAL,          /* over a pod's own loopback, or accepted from the daemon: stays on `lo` */
	KIND_PROXY,          /* to the daemon: stays on `lo` */
	KIND_DIRECT,         /* to a local endpoint: to its address, while the daemon lives */
	KIND_DIRECT_INBOUND, /* accepted from a direct flow: to the caller's address, while the daemon lives */
	KIND_PLAINTEXT,      /* accepted because the guard is permissive */
	KIND_CAPTURED,       /* accepted by the daemon from a capture listener: `origin` is the caller's */
};

/* What the programs remember of a socket, as long as it lives. */
struct socket_state {
	__u64 cgroup; /* the known cgroup that made it, or 0 */
	__u64 since;  /* CLOCK_MONOTONIC at the connect */
	__u32 kind;
	__u32 destination_service;
	struct myelin_original_destination origin; /* what it asked for, and who asked */
	struct myelin_flow_key flow;               /* once its source port is known; the key of `pending`, `flows` or `deliveries` */
	__u32 entered;                             /* there is an entry under that key */
	__u32 established;
};

#define HASH(name_, key_, value_, size_)                                                                                                   \
	struct {                                                                                                                           \
		__uint(type, BPF_MAP_TYPE_HASH);                                                                                           \
		__uint(map_flags, BPF_F_NO_PREALLOC);                                                                                      \
		__uint(max_entries, size_);                                                                                                \
		__type(key, key_);                                                                                                         \
		__type(value, value_);                                                                                                     \
	} name_ SEC(".maps")

/* Written by the daemon. */
HASH(workloads, __u64, struct myelin_workload, MYELIN_MAX_WORKLOADS);
HASH(destinations, struct myelin_address, struct myelin_destination, MYELIN_MAX_DESTINATIONS);
HASH(verdicts, struct myelin_verdict_key, struct myelin_verdict, MYELIN_MAX_VERDICTS);
HASH(local_endpoints, __u32, struct myelin_local_endpoints, MYELIN_MAX_VERDICTS);
HASH(node_ports, struct myelin_port_key, struct myelin_port_owner, MYELIN_MAX_WORKLOADS);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MYELIN_MAX_NAMESPACES);
	__type(key, __u32);
	__type(value, struct myelin_namespace);
} namespaces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, MYELIN_LISTENER_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} listeners SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, MYELIN_RESOLVER_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} resolvers SEC(".maps");

HASH(guarded, __u64, __u32, MYELIN_MAX_NAMESPACES);

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MYELIN_MAX_FORMER_CGROUPS);
	__type(key, __u64);
	__type(value, __u32);
} former SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct myelin_share);
} shares SEC(".maps");

/* Written by the programs. Not preallocated: their size follows the live connections. */
HASH(pending, struct myelin_flow_key, struct myelin_pending, MYELIN_MAX_FLOWS);
HASH(flows, struct myelin_flow_key, struct myelin_flow, MYELIN_MAX_FLOWS);
HASH(deliveries, struct myelin_flow_key, struct myelin_flow, MYELIN_MAX_FLOWS);
HASH(dns_slots, __u32, struct myelin_dns_slot, MYELIN_MAX_DNS_SLOTS);
HASH(dns_servers, struct myelin_dns_key, __u32, MYELIN_MAX_DNS_SLOTS);
HASH(dns_counts, __u32, __u32, MYELIN_MAX_WORKLOADS);
HASH(usage, __u32, struct myelin_usage, MYELIN_MAX_WORKLOADS);

/* How many entries are taken of those that all workloads share. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} common_entries SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} dns_next SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct socket_state);
} sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, MYELIN_EVENT_RING_BYTES);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MYELIN_COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

#endif
