/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The little that the packet hooks read of a packet. */
#ifndef MYELIN_PACKET_H
#define MYELIN_PACKET_H

#include "address.h"
#include "identity.h"

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define V6_HEADER 40
#define TCP_SYN 0x02
#define TCP_ACK 0x10

/* The fields of the headers that matter here, where RFC 791, 8200, 9293 and 768 put them. */
struct v4_header {
	__u8 version_length, service;
	__u16 total, id, fragment;
	__u8 time, protocol;
	__u16 checksum;
	__u32 source, destination;
};

struct v6_header {
	__u32 version_flow;
	__u16 length;
	__u8 next, hops;
	__u32 source[4], destination[4];
};

struct ports {
	__u16 source, destination;
};

struct tcp_header {
	struct ports ports;
	__u32 sequence, acknowledged;
	__u8 offset, flags;
};

struct packet {
	__u32 protocol;  /* IPPROTO_*; for IPv6 the first next header */
	__u32 transport; /* offset of the transport header */
	struct wide_address source, destination;
};

/*
 * The kernel keeps these headers in the linear part of a packet when it comes here: they are read in place, which costs a fraction of
 * bpf_skb_load_bytes. What cannot be read so is not recognised, and returns 0.
 */
inline_always int read_transport(struct __sk_buff *skb, __u32 *protocol, __u32 *transport)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		struct v4_header *v4 = data;

		if ((void *)(v4 + 1) > end)
			return 0;
		*protocol = v4->protocol;
		*transport = (v4->version_length & 15) * 4;
		return 1;
	}
	if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		struct v6_header *v6 = data;

		if ((void *)(v6 + 1) > end)
			return 0;
		*protocol = v6->next;
		*transport = V6_HEADER;
		return 1;
	}
	return 0;
}

/* Everything but the ports, which stay 0. */
inline_always int read_packet(struct __sk_buff *skb, struct packet *p)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (!read_transport(skb, &p->protocol, &p->transport))
		return 0;
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		struct v4_header *v4 = data;

		if ((void *)(v4 + 1) > end)
			return 0;
		set_v4(&p->source, v4->source, 0);
		set_v4(&p->destination, v4->destination, 0);
	} else {
		struct v6_header *v6 = data;

		if ((void *)(v6 + 1) > end)
			return 0;
		set_v6(&p->source, v6->source[0], v6->source[1], v6->source[2], v6->source[3], 0);
		set_v6(&p->destination, v6->destination[0], v6->destination[1], v6->destination[2], v6->destination[3], 0);
	}
	return 1;
}

inline_always int read_ports(struct __sk_buff *skb, struct packet *p)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ports *ports = data + (p->transport & 63);

	if ((void *)(ports + 1) > end)
		return 0;
	p->source.port = bpf_ntohs(ports->source);
	p->destination.port = bpf_ntohs(ports->destination);
	return 1;
}

/* The first packet of a connection. */
inline_always int is_syn(struct __sk_buff *skb, __u32 transport)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct tcp_header *tcp = data + (transport & 63);

	if ((void *)(tcp + 1) > end)
		return 0;
	return (tcp->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
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
