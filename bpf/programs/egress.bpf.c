/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cgroup_skb/egress. A meshed socket sends what a hook marked, and nothing else: connections that were there before enrolment, or that
 * came about in a way nobody thought of, end here. Direct flows stand still while the daemon is dead.
 */
#include "../lib/events.h"
#include "../lib/liveness.h"
#include "../lib/packet.h"

inline_always void report_leak(const struct identity *id, const struct packet *p, __u32 reason)
{
	struct myelin_event *event;

	count(MYELIN_COUNTER_LEAKS);
	event = begin_event(MYELIN_EVENT_DENIED_OUTBOUND, reason);
	if (!event)
		return;
	event->cgroup = id->cgroup;
	if (id->who) {
		event->source_workload = id->who->workload;
		event->source_service = id->who->service;
		event->netns = id->who->netns;
	}
	event->protocol = p->protocol;
	event->source = p->source.value;
	event->destination = p->destination.value;
	event->dialled = p->destination.value;
	end_event(event);
}

inline_always int drop_leak(struct __sk_buff *skb, const struct identity *id)
{
	__u32 reason = MYELIN_REASON_UNREADABLE_PACKET;
	struct packet p = {0};

	if (read_packet(skb, &p)) {
		reason = id->who ? MYELIN_REASON_LEAK : MYELIN_REASON_UNKNOWN_WORKLOAD;
		read_ports(skb, &p);
	}
	report_leak(id, &p, reason);
	return REFUSE;
}

/* A packet of a socket that no hook marked. */
inline_always int judge_unmarked(struct __sk_buff *skb, struct bpf_sock *sk, const struct socket_state *state)
{
	struct identity id = packet_identity(sk, state);
	struct packet p = {0};

	if (id.closed)
		return drop_leak(skb, &id);
	if (!is_meshed(id.who))
		return PASS;
	/* Answers of a listener to a SYN that the guard let pass. */
	if (sk->protocol == IPPROTO_TCP && sk->state == BPF_TCP_LISTEN)
		return PASS;
	if (read_packet(skb, &p) && p.protocol == IPPROTO_UDP && skb->ifindex == LOOPBACK_IFINDEX &&
	    (is_loopback(&p.destination) || is_v6_slot(&p.destination)))
		return PASS;
	return drop_leak(skb, &id);
}

/* The packet goes where its flow goes: source routes (IP_OPTIONS, IPV6_RTHDR) could lead it elsewhere. */
inline_always int keeps_to_flow(struct __sk_buff *skb, const struct socket_state *state)
{
	struct wide_address destination;
	struct packet p = {0};

	destination.value = state->flow.destination;
	if (!read_packet(skb, &p))
		return 0;
	p.destination.port = destination.port;
	return same_address(&p.destination, &destination);
}

inline_always int judge_direct(struct __sk_buff *skb, struct bpf_sock *sk, const struct socket_state *state)
{
	struct identity id;

	if (!daemon_lives()) {
		count(MYELIN_COUNTER_PAUSED);
		return REFUSE;
	}
	if (keeps_to_flow(skb, state))
		return PASS;
	id = packet_identity(sk, state);
	return id.who ? drop_leak(skb, &id) : REFUSE;
}

/* Accepted because the guard is permissive: it answers its caller and nobody else, whatever IP_OPTIONS says. */
inline_always int judge_plaintext(struct __sk_buff *skb, struct bpf_sock *sk, const struct socket_state *state)
{
	struct identity id = packet_identity(sk, state);

	if (!is_meshed(id.who) || keeps_to_flow(skb, state))
		return PASS;
	return drop_leak(skb, &id);
}

/* Not even a source route leads it off the machine. */
inline_always int judge_loopback(struct __sk_buff *skb, struct bpf_sock *sk, const struct socket_state *state)
{
	struct identity id;

	if (skb->ifindex == LOOPBACK_IFINDEX)
		return PASS;
	id = packet_identity(sk, state);
	return id.who ? drop_leak(skb, &id) : REFUSE;
}

SEC("cgroup_skb/egress")
int egress(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	struct socket_state *state;

	if (!sk)
		return PASS;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return PASS;
	state = bpf_sk_storage_get(&sockets, sk, 0, 0);
	if (!state)
		return judge_unmarked(skb, sk, state);
	switch (state->kind) {
	case KIND_NONE:
		return judge_unmarked(skb, sk, state);
	case KIND_LOCAL:
	case KIND_PROXY:
		return judge_loopback(skb, sk, state);
	case KIND_DIRECT:
	case KIND_DIRECT_INBOUND:
		return judge_direct(skb, sk, state);
	case KIND_PLAINTEXT:
		return judge_plaintext(skb, sk, state);
	default:
		return PASS;
	}
}
