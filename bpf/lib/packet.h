/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The little that the packet hooks read of a packet. */
#ifndef MYELIN_PACKET_H
#define MYELIN_PACKET_H

#include "address.h"
#include "identity.h"

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define TCP_FLAGS_OFFSET 13
#define TCP_SYN 0x02
#define TCP_ACK 0x10

struct packet {
	__u32 protocol;                          /* IPPROTO_*; for IPv6 the first next header */
	__u32 transport;                         /* offset of the transport header */
	struct wide_address source, destination; /* ports are 0 until read_ports */
};

inline_always int read_packet(struct __sk_buff *skb, struct packet *p)
{
	__u32 words[4];
	__u8 first;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		__u8 protocol;

		if (bpf_skb_load_bytes(skb, 0, &first, 1) || bpf_skb_load_bytes(skb, 9, &protocol, 1) ||
		    bpf_skb_load_bytes(skb, 12, words, 8))
			return 0;
		p->protocol = protocol;
		p->transport = (first & 15) * 4;
		set_v4(&p->source, words[0], 0);
		set_v4(&p->destination, words[1], 0);
		return 1;
	}
	if (skb->protocol != bpf_htons(ETH_P_IPV6) || bpf_skb_load_bytes(skb, 6, &first, 1))
		return 0;
	p->protocol = first;
	p->transport = 40;
	if (bpf_skb_load_bytes(skb, 8, words, 16))
		return 0;
	set_v6(&p->source, words[0], words[1], words[2], words[3], 0);
	if (bpf_skb_load_bytes(skb, 24, words, 16))
		return 0;
	set_v6(&p->destination, words[0], words[1], words[2], words[3], 0);
	return 1;
}

inline_always int read_ports(struct __sk_buff *skb, struct packet *p)
{
	__u16 ports[2];

	if (bpf_skb_load_bytes(skb, p->transport, ports, 4))
		return 0;
	p->source.port = bpf_ntohs(ports[0]);
	p->destination.port = bpf_ntohs(ports[1]);
	return 1;
}

/* Whom a packet's socket belongs to: its maker if that is known, else the deepest known cgroup above the socket's. */
inline_always struct identity packet_identity(struct bpf_sock *sk, const struct socket_state *state)
{
	struct identity found = {0};
	__u64 id;

	if (state && state->cgroup) {
		id = state->cgroup;
		found.cgroup = id;
		found.who = bpf_map_lookup_elem(&workloads, &id);
		if (found.who)
			return found;
	}
	for (int level = 1; level <= MYELIN_MAX_CGROUP_LEVEL; level++) {
		struct myelin_workload *who;

		id = bpf_sk_ancestor_cgroup_id(sk, level);
		if (!id)
			break;
		who = bpf_map_lookup_elem(&workloads, &id);
		if (who) {
			found.who = who;
			found.cgroup = id;
		}
	}
	return found;
}

#endif
