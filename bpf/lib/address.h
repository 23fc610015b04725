/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Addresses in the one form that all tables use: 16 bytes, IPv4 as ::ffff:a.b.c.d; ports in host order. */
#ifndef MYELIN_ADDRESS_H
#define MYELIN_ADDRESS_H

#include "base.h"

/* An address that the compiler may read by words. */
struct wide_address {
	union {
		struct myelin_address value;
		struct {
			__u32 word[4]; /* network order */
			__u16 port;
			__u16 reserved;
		};
	};
} __attribute__((aligned(4)));

#define V4_PREFIX bpf_htonl(0x0000ffff)
#define V4_LOOPBACK bpf_htonl(0x7f000001)
#define V6_LOOPBACK bpf_htonl(1)
#define SLOT_WORD_0 bpf_htonl(MYELIN_SLOT_PREFIX_HIGH >> 32)
#define SLOT_WORD_1 bpf_htonl(MYELIN_SLOT_PREFIX_HIGH & 0xffffffff)

inline_always void set_v4(struct wide_address *a, __u32 ip, __u16 port)
{
	a->word[0] = 0;
	a->word[1] = 0;
	a->word[2] = V4_PREFIX;
	a->word[3] = ip;
	a->port = port;
	a->reserved = 0;
}

inline_always void set_v6(struct wide_address *a, __u32 w0, __u32 w1, __u32 w2, __u32 w3, __u16 port)
{
	a->word[0] = w0;
	a->word[1] = w1;
	a->word[2] = w2;
	a->word[3] = w3;
	a->port = port;
	a->reserved = 0;
}

inline_always int is_v4(const struct wide_address *a) { return a->word[0] == 0 && a->word[1] == 0 && a->word[2] == V4_PREFIX; }

/* 127/8 or ::1 */
inline_always int is_loopback(const struct wide_address *a)
{
	if (is_v4(a))
		return (bpf_ntohl(a->word[3]) >> 24) == 127;
	return a->word[0] == 0 && a->word[1] == 0 && a->word[2] == 0 && a->word[3] == V6_LOOPBACK;
}

/* To connect to "any" means to connect to loopback (ip(7)); the tables know it by that name only. */
inline_always void normalise_any(struct wide_address *a)
{
	if (is_v4(a) && a->word[3] == 0)
		a->word[3] = V4_LOOPBACK;
	else if (a->word[0] == 0 && a->word[1] == 0 && a->word[2] == 0 && a->word[3] == 0)
		a->word[3] = V6_LOOPBACK;
}

inline_always int same_address(const struct wide_address *a, const struct wide_address *b)
{
	return a->word[0] == b->word[0] && a->word[1] == b->word[1] && a->word[2] == b->word[2] && a->word[3] == b->word[3] &&
	       a->port == b->port;
}

/* An IPv6 address of a DNS slot. */
inline_always int is_v6_slot(const struct wide_address *a)
{
	return a->word[0] == SLOT_WORD_0 && a->word[1] == SLOT_WORD_1 && a->word[2] == 0;
}

/* One of the daemon's own ports. */
inline_always int is_own_port(__u16 port) { return port == MYELIN_CAPTURE_PORT || port == MYELIN_DNS_PORT || port == MYELIN_TUNNEL_PORT; }

/* The address in the context of a socket address hook, as `v6` says. */
inline_always void read_user(struct bpf_sock_addr *ctx, int v6, struct wide_address *a)
{
	__u16 port = bpf_ntohs((__u16)PINNED(ctx->user_port));

	if (v6)
		set_v6(a, PINNED(ctx->user_ip6[0]), PINNED(ctx->user_ip6[1]), PINNED(ctx->user_ip6[2]), PINNED(ctx->user_ip6[3]), port);
	else
		set_v4(a, PINNED(ctx->user_ip4), port);
}

inline_always void write_user(struct bpf_sock_addr *ctx, int v6, const struct wide_address *a)
{
	if (v6) {
		ctx->user_ip6[0] = a->word[0];
		ctx->user_ip6[1] = a->word[1];
		ctx->user_ip6[2] = a->word[2];
		ctx->user_ip6[3] = a->word[3];
	} else {
		ctx->user_ip4 = a->word[3];
	}
	ctx->user_port = bpf_htons(a->port);
}

#endif
