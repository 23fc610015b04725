/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What only the kernel's own structures tell, found by their BTF at load time. */
#ifndef MYELIN_KERNEL_SOCKET_H
#define MYELIN_KERNEL_SOCKET_H

#include "base.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct net {
	__u64 net_cookie;
};
typedef struct {
	struct net *net;
} possible_net_t;
struct sock_common {
	unsigned long skc_flags;
	possible_net_t skc_net;
};
struct sock {
	struct sock_common __sk_common;
	int sk_err;
};
struct inet_sock {
	struct sock sk;
};
struct inet_connection_sock {
	struct inet_sock icsk_inet;
};
struct tcp_sock {
	struct inet_connection_sock inet_conn;
};
#pragma clang attribute pop

/* For hooks that have no helper to ask: 0 when it cannot be told. */
inline_always __u64 netns_cookie_of(struct bpf_sock *sk)
{
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);

	return tcp ? tcp->inet_conn.icsk_inet.sk.__sk_common.skc_net.net->net_cookie : 0;
}

#define SOCK_DONE_BIT (1ul << 1) /* enum sock_flags: the peer's FIN was received */

/* How a connection ended. */
struct socket_end {
	__u64 sent;
	__u64 received;
	__u32 failed; /* errno of a connect that never established */
};

/* The kernel's byte counts include SYN and FIN, which take a sequence number each. */
inline_always void read_end(struct bpf_sock_ops *ctx, struct bpf_sock *sk, int established, struct socket_end *end)
{
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);
	__u32 old = PINNED(ctx->args[0]), una = PINNED(ctx->snd_una), next = PINNED(ctx->snd_nxt);
	__u64 sent = PINNED(ctx->bytes_acked), received = PINNED(ctx->bytes_received);
	int error = tcp ? tcp->inet_conn.icsk_inet.sk.sk_err : 0;
	int fin_received = tcp && (tcp->inet_conn.icsk_inet.sk.__sk_common.skc_flags & SOCK_DONE_BIT);
	int fin_sent = old == BPF_TCP_FIN_WAIT2 || old == BPF_TCP_TIME_WAIT || old == BPF_TCP_CLOSING || old == BPF_TCP_LAST_ACK;

	if (!established) {
		end->failed = error > 0 ? error : ECANCELED;
		return;
	}
	if (sent)
		sent--;
	if (sent && fin_sent && una == next)
		sent--;
	if (received && fin_received)
		received--;
	end->sent = sent;
	end->received = received;
}

#endif
