/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* cgroup/sendmsg4, sendmsg6: datagrams that name their destination. A v4-mapped socket comes by sendmsg4. */
#include "../lib/datagram.h"

inline_always int on_sendmsg(struct bpf_sock_addr *ctx, int v6)
{
	struct bpf_sock *sk = ctx->sk;
	struct wide_address destination;
	struct identity id;

	if (!sk)
		return REFUSE;
	id = socket_identity(bpf_sk_storage_get(&sockets, sk, 0, 0));
	if (is_exempt(&id))
		return PASS;
	read_user(ctx, v6, &destination);
	normalise_any(&destination);
	return judge_datagram(ctx, sk, v6, &id, &destination);
}

SEC("cgroup/sendmsg4")
int sendmsg4(struct bpf_sock_addr *ctx) { return on_sendmsg(ctx, 0); }

SEC("cgroup/sendmsg6")
int sendmsg6(struct bpf_sock_addr *ctx) { return on_sendmsg(ctx, 1); }
