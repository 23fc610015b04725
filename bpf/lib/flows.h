/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Permits: which connections may come in although nobody but the kernel vouches for them. */
#ifndef MYELIN_FLOWS_H
#define MYELIN_FLOWS_H

#include "address.h"
#include "maps.h"

inline_always void set_flow(struct myelin_flow_key *key, __u64 netns, const struct wide_address *source,
			    const struct wide_address *destination)
{
	key->netns = netns;
	key->source = source->value;
	key->destination = destination->value;
}

/* The permit of a direct flow into namespace `netns`, or NULL. */
inline_always struct myelin_flow *find_permit(__u64 netns, const struct wide_address *source, const struct wide_address *destination)
{
	struct myelin_flow_key key = {0};

	set_flow(&key, is_loopback(destination) ? netns : 0, source, destination);
	return bpf_map_lookup_elem(&flows, &key);
}

/* The daemon's own connection in namespace `netns`, or NULL. */
inline_always struct myelin_flow *find_delivery(__u64 netns, const struct wide_address *source, const struct wide_address *destination)
{
	struct myelin_flow_key key = {0};

	set_flow(&key, netns, source, destination);
	return bpf_map_lookup_elem(&deliveries, &key);
}

inline_always int is_delivery(__u64 netns, const struct wide_address *source, const struct wide_address *destination)
{
	return find_delivery(netns, source, destination) != 0;
}

/* What lets this connection in, or NULL. */
inline_always struct myelin_flow *find_voucher(__u64 netns, const struct wide_address *source, const struct wide_address *destination)
{
	return find_delivery(netns, source, destination) ?: find_permit(netns, source, destination);
}

inline_always int is_vouched_for(__u64 netns, const struct wide_address *source, const struct wide_address *destination)
{
	return find_voucher(netns, source, destination) != 0;
}

/* A captured connection on its way to the daemon, which nobody has accepted yet. */
inline_always int is_pending(__u64 netns, const struct wide_address *source, const struct wide_address *destination)
{
	struct myelin_flow_key key = {0};

	set_flow(&key, netns, source, destination);
	return bpf_map_lookup_elem(&pending, &key) != 0;
}

/* The two ends of a socket, seen from itself. */
inline_always void read_ends(struct bpf_sock_ops *ctx, struct wide_address *local, struct wide_address *remote)
{
	__u32 family = PINNED(ctx->family);
	__u32 local4 = PINNED(ctx->local_ip4), remote4 = PINNED(ctx->remote_ip4);
	__u32 r0 = PINNED(ctx->remote_ip6[0]), r1 = PINNED(ctx->remote_ip6[1]), r2 = PINNED(ctx->remote_ip6[2]);
	__u32 r3 = PINNED(ctx->remote_ip6[3]), l0 = PINNED(ctx->local_ip6[0]), l1 = PINNED(ctx->local_ip6[1]);
	__u32 l2 = PINNED(ctx->local_ip6[2]), l3 = PINNED(ctx->local_ip6[3]);
	__u16 local_port = PINNED(ctx->local_port), remote_port = bpf_ntohl(PINNED(ctx->remote_port));

	set_v6(remote, r0, r1, r2, r3, remote_port);
	set_v6(local, l0, l1, l2, l3, local_port);
	/* A v4-mapped socket's IPv6 source address is filled in late: take the IPv4 one. */
	if (family != AF_INET6 || is_v4(remote)) {
		set_v4(local, local4, local_port);
		set_v4(remote, remote4, remote_port);
	}
}

#endif
