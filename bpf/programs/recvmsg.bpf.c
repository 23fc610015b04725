/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* cgroup/recvmsg4, recvmsg6: an answer from a slot comes from the server that was asked. */
#include "../lib/dns.h"

inline_always int on_recvmsg(struct bpf_sock_addr *ctx, int v6)
{
	struct wide_address from;
	struct myelin_dns_slot *slot;

	read_user(ctx, v6, &from);
	slot = slot_behind(&from);
	if (slot) {
		from.value = slot->server;
		write_user(ctx, v6, &from);
	}
	return PASS;
}

SEC("cgroup/recvmsg4")
int recvmsg4(struct bpf_sock_addr *ctx) { return on_recvmsg(ctx, 0); }

SEC("cgroup/recvmsg6")
int recvmsg6(struct bpf_sock_addr *ctx) { return on_recvmsg(ctx, 1); }
