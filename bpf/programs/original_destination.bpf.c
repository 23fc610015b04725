/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cgroup/getsockopt and setsockopt of the daemon's cgroup. SO_ORIGINAL_DST answers with the caller's record on what was accepted, and with
 * how its delivery stands on what the daemon connects; set before the connect, it names the service that must take it.
 */
#include "../lib/maps.h"

#define LARGEST_OPTION 4096 /* of what the kernel hands to programs; larger ones fail unless they are let alone */

SEC("cgroup/getsockopt")
int original_destination(struct bpf_sockopt *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct myelin_original_destination *answer = ctx->optval;
	struct socket_state *state;
	struct myelin_flow *delivery;
	struct myelin_flow_key key;
	__u32 flags;

	if (ctx->optname != SO_ORIGINAL_DST || (ctx->level != SOL_IP && ctx->level != SOL_IPV6)) {
		if (ctx->optlen > LARGEST_OPTION)
			ctx->optlen = 0;
		return PASS;
	}
	if (!sk || (void *)(answer + 1) > ctx->optval_end)
		return PASS;
	state = bpf_sk_storage_get(&sockets, sk, 0, 0);
	if (!state)
		return PASS;
	if (state->kind == KIND_EXEMPT && state->entered) {
		key = state->flow;
		delivery = bpf_map_lookup_elem(&deliveries, &key);
		flags = delivery ? delivery->flags : 0;
		__builtin_memcpy(answer, &flags, sizeof(flags));
		ctx->optlen = sizeof(flags);
		asm volatile("" ::: "memory");
		ctx->retval = 0;
		return PASS;
	}
	if (state->kind != KIND_CAPTURED)
		return PASS;
	__builtin_memcpy(answer, &state->origin, sizeof(*answer));
	ctx->optlen = sizeof(*answer);
	/* Two writes: the verifier refuses the one that the compiler would make of them. */
	asm volatile("" ::: "memory");
	ctx->retval = 0;
	return PASS;
}

SEC("cgroup/setsockopt")
int expected_callee(struct bpf_sockopt *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct socket_state *state;
	__u32 *service = ctx->optval;

	if (ctx->optname != SO_ORIGINAL_DST || ctx->level != SOL_IP) {
		if (ctx->optlen > LARGEST_OPTION)
			ctx->optlen = 0;
		return PASS;
	}
	if (!sk || (void *)(service + 1) > ctx->optval_end)
		return REFUSE;
	state = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!state)
		return REFUSE;
	state->destination_service = *service;
	/* The kernel itself does not see it. */
	ctx->optlen = -1;
	return PASS;
}
