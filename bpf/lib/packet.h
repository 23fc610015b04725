/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The little that the packet hooks read of a packet. */
#ifndef MYELIN_PACKET_H
#define MYELIN_PACKET_H

#include "address.h"
#include "identity.h"

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define V6_HEADER 40
#define V4_FRAGMENT 0x3fff /* more fragments, or an offset */
/* RFC 8200 section 4, RFC 4302: the headers that may stand between. A fragment header (44) may not. */
#define HEADER_HOP_BY_HOP 0
#define HEADER_ROUTING 43
#define HEADER_AUTHENTICATION 51
#define HEADER_DESTINATION 60
#define HEADER_FRAGMENT 44
#define HEADER_NONE 59
#define MAX_EXTENSION_HEADERS 8
/* More than eight headers of the greatest size never fit into what the kernel keeps in one piece. */
#define MAX_TRANSPORT 16383
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
	__u32 protocol;  /* IPPROTO_* of the transport, behind all extension headers */
	__u32 transport; /* offset of the transport header */
	struct wide_address source, destination;
};

struct extension {
	__u8 next, length;
};

/*
 * Follows the chain of IPv6 headers from `*transport` to what is none of them. Returns 0 for a fragment, for a chain that is longer than
 * MAX_EXTENSION_HEADERS, and for one that the packet does not hold.
 */
inline_always int walk_extensions(struct __sk_buff *skb, __u32 *protocol, __u32 *transport)
{
	struct extension header;

	for (int step = 0; step <= MAX_EXTENSION_HEADERS; step++) {
		__u32 next = *protocol, bytes;

		if (next == HEADER_FRAGMENT || next == HEADER_NONE)
			return 0;
		if (next != HEADER_HOP_BY_HOP && next != HEADER_ROUTING && next != HEADER_DESTINATION && next != HEADER_AUTHENTICATION)
			return 1;
		if (bpf_skb_load_bytes(skb, *transport, &header, sizeof(header)))
			return 0;
		bytes = next == HEADER_AUTHENTICATION ? (header.length + 2) * 4 : (header.length + 1) * 8;
		*protocol = header.next;
		*transport = (*transport + bytes) & MAX_TRANSPORT;
	}
	return 0;
}

/*
 * Where the transport header is, and of which protocol. The kernel keeps these headers in the linear part of a packet when it comes here:
 * they are read in place, which costs a fraction of bpf_skb_load_bytes. Returns 0 for a fragment and for what cannot be read.
 */
inline_always int read_transport(struct __sk_buff *skb, __u32 *protocol, __u32 *transport)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		struct v4_header *v4 = data;

		if ((void *)(v4 + 1) > end || (v4->fragment & bpf_htons(V4_FRAGMENT)))
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
		return *protocol == IPPROTO_TCP || *protocol == IPPROTO_UDP || walk_extensions(skb, protocol, transport);
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
	struct ports ports;

	if (bpf_skb_load_bytes(skb, p->transport, &ports, sizeof(ports)))
		return 0;
	p->source.port = bpf_ntohs(ports.source);
	p->destination.port = bpf_ntohs(ports.destination);
	return 1;
}

/* The flags of a TCP segment, or -1 if it does not hold them. */
inline_always int tcp_flags(struct __sk_buff *skb, __u32 transport)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct tcp_header *tcp = data + (transport & MAX_TRANSPORT);
	__u8 flags;

	if ((void *)(tcp + 1) <= end)
		return tcp->flags;
	if (bpf_skb_load_bytes(skb, transport + __builtin_offsetof(struct tcp_header, flags), &flags, 1))
		return -1;
	return flags;
}

/* The first segment of a connection. */
inline_always int is_syn(int flags) { return (flags & (TCP_SYN | TCP_ACK)) == TCP_SYN; }

/* Whom a packet's socket belongs to: its maker if that is known, else the deepest known cgroup above the socket's. */
inline_always struct identity packet_identity(struct bpf_sock *sk, const struct socket_state *state)
{
	struct identity found = {0};
	__u64 id;

	if (state && state->cgroup) {
		found.cgroup = state->cgroup;
		if (take_entry(&found, state->cgroup))
			return found;
	}
	for (int level = 1; level <= MYELIN_MAX_CGROUP_LEVEL; level++) {
		id = bpf_sk_ancestor_cgroup_id(sk, level);
		if (!id)
			break;
		take_entry(&found, id);
	}
	return found;
}

#endif
