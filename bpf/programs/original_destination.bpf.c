/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* cgroup/getsockopt of the daemon's cgroup: SO_ORIGINAL_DST answers with the caller's record. */
#include "../lib/maps.h"

#define LARGEST_OPTION 4096 /* of what the kernel hands to programs; larger ones fail unless they are let alone */

SEC("cgroup/getsockopt")
int original_destination(struct bpf_sockopt *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct myelin_original_destination *answer = ctx->optval;
	struct socket_state *state;

	if (ctx->optname != SO_ORIGINAL_DST || (ctx->level != SOL_IP && ctx->level != SOL_IPV6)) {
		if (ctx->optlen > LARGEST_OPTION)
			ctx->optlen = 0;
		return PASS;
	}
	if (!sk || (void *)(answer + 1) > ctx->optval_end)
		return PASS;
	state = bpf_sk_storage_get(&sockets, sk, 0, 0);
	if (!state || state->kind != KIND_CAPTURED)
		return PASS;
	__builtin_memcpy(answer, &state->origin, sizeof(*answer));
	ctx->optlen = sizeof(*answer);
	/* Two writes: the verifier refuses the one that the compiler would make of them. */
	asm volatile("" ::: "memory");
	ctx->retval = 0;
	return PASS;
}
