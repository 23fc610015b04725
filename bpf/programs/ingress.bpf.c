/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cgroup_skb/ingress: the backstop of the guards. A SYN for a meshed listener must be vouched for; datagrams come over loopback only.
 * It is the socket that says what it speaks: the headers of a packet only say where its transport begins.
 * What it drops times out, so the guard, which resets, should have seen it before.
 */
#include "../lib/events.h"
#include "../lib/flows.h"
#include "../lib/packet.h"

inline_always void report_stray(const struct identity *id, const struct packet *p, __u32 reason)
{
	struct myelin_event *event;

	count(MYELIN_COUNTER_LEAKS);
	event = begin_event(MYELIN_EVENT_DENIED_INBOUND, reason);
	if (!event)
		return;
	event->cgroup = id->cgroup;
	if (id->who) {
		event->destination_service = id->who->service;
		event->netns = id->who->netns;
	}
	event->protocol = p->protocol;
	event->source = p->source.value;
	event->destination = p->destination.value;
	event->dialled = p->destination.value;
	end_event(event);
}

inline_always int accepts_plaintext(const struct identity *id, const struct myelin_namespace *space)
{
	if (id->who->flags & MYELIN_WORKLOAD_PERMISSIVE)
		return 1;
	return space && !(id->who->flags & MYELIN_WORKLOAD_HOST_NETNS) && (space->flags & MYELIN_NAMESPACE_PERMISSIVE);
}

inline_always int judge_syn(struct __sk_buff *skb, const struct identity *id, const struct packet *p)
{
	__u32 index = id->who->netns;
	struct myelin_namespace *space = bpf_map_lookup_elem(&namespaces, &index);

	if (!(id->who->flags & MYELIN_WORKLOAD_HOST_NETNS) && skb->ifindex == LOOPBACK_IFINDEX && is_loopback(&p->destination))
		return PASS;
	if (accepts_plaintext(id, space))
		return PASS;
	if (space && space->cookie && is_vouched_for(space->cookie, &p->source, &p->destination))
		return PASS;
	report_stray(id, p, MYELIN_REASON_PLAINTEXT);
	return REFUSE;
}

inline_always int refuse(const struct identity *id, const struct packet *p, __u32 reason)
{
	report_stray(id, p, reason);
	return REFUSE;
}

/* A packet for a socket that no plain connection needs it for: only a socket of the mesh, or of a closed cgroup, concerns us. */
inline_always int judge_stray(struct __sk_buff *skb, struct bpf_sock *sk, int readable)
{
	struct identity id = packet_identity(sk, bpf_sk_storage_get(&sockets, sk, 0, 0));
	__u32 protocol = sk->protocol;
	struct packet p = {0};

	if (!is_meshed(id.who) && !id.closed)
		return PASS;
	if (!read_packet(skb, &p) || !readable || p.protocol != protocol || !read_ports(skb, &p)) {
		p.protocol = protocol;
		return refuse(&id, &p,
			      protocol == IPPROTO_TCP || protocol == IPPROTO_UDP ? MYELIN_REASON_UNREADABLE_PACKET
										 : MYELIN_REASON_SOCKET_KIND);
	}
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
		return refuse(&id, &p, MYELIN_REASON_SOCKET_KIND);
	if (!id.who)
		return refuse(&id, &p, MYELIN_REASON_UNKNOWN_WORKLOAD);
	if (protocol == IPPROTO_UDP)
		return refuse(&id, &p, MYELIN_REASON_UDP);
	return judge_syn(skb, &id, &p);
}

SEC("cgroup_skb/ingress")
int ingress(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	__u32 protocol = 0, transport = 0;
	int readable, flags;

	if (!sk)
		return PASS;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return PASS;
	/* A socket's own loopback is free of the mesh. */
	if (sk->protocol == IPPROTO_UDP && skb->ifindex == LOOPBACK_IFINDEX)
		return PASS;
	readable = read_transport(skb, &protocol, &transport) && protocol == sk->protocol;
	if (readable && protocol == IPPROTO_TCP) {
		flags = tcp_flags(skb, transport);
		if (flags >= 0 && !is_syn(flags))
			return PASS;
		readable = flags >= 0;
	}
	return judge_stray(skb, sk, readable);
}
