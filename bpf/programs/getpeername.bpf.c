/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* cgroup/getpeername4, getpeername6: the peer is whom the program asked for. */
#include "../lib/dns.h"

inline_always int on_getpeername(struct bpf_sock_addr *ctx, int v6)
{
	struct bpf_sock *sk = ctx->sk;
	struct myelin_dns_slot *slot;
	struct socket_state *state;
	struct wide_address peer;

	if (!sk)
		return PASS;
	read_user(ctx, v6, &peer);
	slot = slot_behind(&peer);
	if (slot) {
		peer.value = slot->server;
		write_user(ctx, v6, &peer);
		return PASS;
	}
	state = bpf_sk_storage_get(&sockets, sk, 0, 0);
	if (state && (state->kind == KIND_PROXY || state->kind == KIND_DIRECT)) {
		peer.value = state->origin.destination;
		write_user(ctx, v6, &peer);
	}
	return PASS;
}

SEC("cgroup/getpeername4")
int getpeername4(struct bpf_sock_addr *ctx) { return on_getpeername(ctx, 0); }

SEC("cgroup/getpeername6")
int getpeername6(struct bpf_sock_addr *ctx) { return on_getpeername(ctx, 1); }
