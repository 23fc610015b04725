/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel takes a socket out of a SOCKMAP when it closes: that is how the programs know that the daemon died. */
#ifndef MYELIN_LIVENESS_H
#define MYELIN_LIVENESS_H

#include "maps.h"

inline_always int has_socket(__u32 index)
{
	void *sk = bpf_map_lookup_elem(&listeners, &index);

	if (!sk)
		return 0;
	bpf_sk_release(sk);
	return 1;
}

inline_always int daemon_lives(void) { return has_socket(MYELIN_LIVENESS); }

inline_always __u32 listener_index(__u32 netns, int v4) { return 2 * netns + (v4 ? 0 : 1); }

/* The daemon answers DNS in that namespace. */
inline_always int resolver_lives(__u32 netns, int v4)
{
	__u32 index = listener_index(netns, v4);
	void *sk = bpf_map_lookup_elem(&resolvers, &index);

	if (!sk)
		return 0;
	bpf_sk_release(sk);
	return 1;
}

#endif
