/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cgroup_skb/egress. A meshed socket sends what a hook marked, and nothing else: connections that were there before enrolment, or that
 * came about in a way nobody thought of, end here. Direct flows stand still while the daemon is dead.
 */
#include "../lib/events.h"
#include "../lib/liveness.h"
#include "../lib/packet.h"

inline_always void report_leak(const struct identity *id, const struct packet *p)
{
	struct myelin_event *event;

	count(MYELIN_COUNTER_LEAKS);
	event = begin_event(MYELIN_EVENT_DENIED_OUTBOUND, MYELIN_REASON_LEAK);
	if (!event)
		return;
	event->cgroup = id->cgroup;
	event->source_workload = id->who->workload;
	event->source_service = id->who->service;
	event->netns = id->who->netns;
	event->protocol = p->protocol;
	event->source = p->source.value;
	event->destination = p->destination.value;
	event->dialled = p->destination.value;
	end_event(event);
}

/* A packet of a socket that no hook marked. */
inline_always int judge_unmarked(struct __sk_buff *skb, struct bpf_sock *sk, const struct socket_state *state)
{
	struct identity id = packet_identity(sk, state);
	struct packet p = {0};

	if (!is_meshed(id.who))
		return PASS;
	/* Answers of a listener to a SYN that the guard let pass. */
	if (sk->protocol == IPPROTO_TCP && sk->state == BPF_TCP_LISTEN)
		return PASS;
	if (!read_packet(skb, &p))
		return REFUSE;
	read_ports(skb, &p);
	if (p.protocol == IPPROTO_UDP && skb->ifindex == LOOPBACK_IFINDEX && (is_loopback(&p.destination) || is_v6_slot(&p.destination)))
		return PASS;
	report_leak(&id, &p);
	return REFUSE;
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
	if (state && state->kind != KIND_NONE) {
		if (state->kind != KIND_DIRECT && state->kind != KIND_DIRECT_INBOUND)
			return PASS;
		if (daemon_lives())
			return PASS;
		count(MYELIN_COUNTER_PAUSED);
		return REFUSE;
	}
	return judge_unmarked(skb, sk, state);
}
