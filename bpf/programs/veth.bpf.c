/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tc, both directions of the host's end of a pod's veth. Packets that a TUN device or a packet socket makes have no socket that the cgroup
 * hooks could judge, but they leave by this device. Out of the pod go:
 *   - ARP, and of ICMPv6 the messages that find neighbours;
 *   - TCP segments of flows that the connect hook permitted, in either direction;
 *   - of a permissive pod, answers to connections from outside;
 *   - resets without a payload of connections from outside, so that a refusal is one;
 *   - for a while after a flow's end, what ends it: segments without a payload.
 * Echo replies do not. What the pod's own kernel says to multicast listeners is dropped without a word.
 */
#include "../lib/closure.h"
#include "../lib/events.h"
#include "../lib/flows.h"
#include "../lib/packet.h"

#define CONTINUE (-1) /* TC_ACT_UNSPEC: to the filters after this one */
#define DROP 2        /* TC_ACT_SHOT */
#define ETH_HEADER 14
#define ETH_P_ARP 0x0806
#define TCP_RST 0x04
#define IPPROTO_ICMPV6 58
#define IPPROTO_IGMP 2
#define MULTICAST_LISTENER_REPORT_2 143
#define ROUTER_SOLICITATION 133
#define NEIGHBOUR_SOLICITATION 135
#define NEIGHBOUR_ADVERTISEMENT 136
/* With one or two options of eight bytes; more would be a letter to the neighbours. */
#define MAX_NEIGHBOUR_BYTES (ETH_HEADER + V6_HEADER + 24 + 16)
#define MAX_ARP_BYTES 60
#define SECOND 1000000000ull
#define AFTERGLOW (120 * SECOND)

/* Reads the addresses and finds the transport, from the Ethernet header on. */
inline_always int read_frame(struct __sk_buff *skb, struct packet *p)
{
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		struct v4_header v4;

		if (bpf_skb_load_bytes(skb, ETH_HEADER, &v4, sizeof(v4)) || (v4.fragment & bpf_htons(V4_FRAGMENT)))
			return 0;
		set_v4(&p->source, v4.source, 0);
		set_v4(&p->destination, v4.destination, 0);
		p->protocol = v4.protocol;
		p->transport = ETH_HEADER + (v4.version_length & 15) * 4;
		return 1;
	}
	if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		struct v6_header v6;

		if (bpf_skb_load_bytes(skb, ETH_HEADER, &v6, sizeof(v6)))
			return 0;
		set_v6(&p->source, v6.source[0], v6.source[1], v6.source[2], v6.source[3], 0);
		set_v6(&p->destination, v6.destination[0], v6.destination[1], v6.destination[2], v6.destination[3], 0);
		p->protocol = v6.next;
		p->transport = ETH_HEADER + V6_HEADER;
		return walk_extensions(skb, &p->protocol, &p->transport);
	}
	return 0;
}

/* A TCP header, with the ports in the packet. */
inline_always int read_tcp(struct __sk_buff *skb, struct packet *p, struct tcp_header *tcp)
{
	if (bpf_skb_load_bytes(skb, p->transport, tcp, sizeof(*tcp)))
		return 0;
	p->source.port = bpf_ntohs(tcp->ports.source);
	p->destination.port = bpf_ntohs(tcp->ports.destination);
	return 1;
}

/* By the frame's length, not the packet's: nothing hides behind its end. */
inline_always int has_payload(struct __sk_buff *skb, const struct packet *p, const struct tcp_header *tcp)
{
	return skb->len > p->transport + (tcp->offset >> 4) * 4;
}

inline_always int is_recent(__u64 time, __u64 now) { return time && now - time < AFTERGLOW; }

/* Writes a trail at most once a second. */
inline_always void leave_trail(const struct myelin_flow_key *key, struct myelin_trail *trail, __u64 now, int permitted)
{
	struct myelin_trail first = {0};
	__u64 *time = trail ? (permitted ? &trail->permitted : &trail->entered) : 0;

	if (time) {
		if (now - *time > SECOND)
			*time = now;
		return;
	}
	if (permitted)
		first.permitted = now;
	else
		first.entered = now;
	bpf_map_update_elem(&trails, key, &first, BPF_ANY);
}

inline_always void report_frame(const struct myelin_namespace *space, __u32 netns, const struct packet *p)
{
	struct myelin_event *event;

	count(MYELIN_COUNTER_LEAKS);
	event = begin_event(MYELIN_EVENT_DENIED_OUTBOUND, MYELIN_REASON_LEAK);
	if (!event)
		return;
	if (space) {
		event->source_workload = space->workload;
		event->source_service = space->service;
	}
	event->netns = netns;
	event->protocol = p->protocol;
	event->source = p->source.value;
	event->destination = p->destination.value;
	event->dialled = p->destination.value;
	end_event(event);
}

/* A segment that leaves the pod. */
inline_always int judge_segment(struct __sk_buff *skb, struct packet *p, const struct myelin_namespace *space)
{
	struct myelin_flow_key there = {0}, back = {0};
	struct tcp_header tcp;
	struct myelin_trail *trail;
	__u64 now = bpf_ktime_get_ns();

	if (!read_tcp(skb, p, &tcp))
		return DROP;
	set_flow(&there, 0, &p->source, &p->destination);
	set_flow(&back, 0, &p->destination, &p->source);
	trail = bpf_map_lookup_elem(&trails, &there);
	if (bpf_map_lookup_elem(&flows, &there) || bpf_map_lookup_elem(&flows, &back)) {
		leave_trail(&there, trail, now, 1);
		return CONTINUE;
	}
	if (!trail)
		return DROP;
	if (space && (space->flags & MYELIN_NAMESPACE_PERMISSIVE) && trail->entered)
		return CONTINUE;
	if (has_payload(skb, p, &tcp))
		return DROP;
	if (is_recent(trail->permitted, now))
		return CONTINUE;
	return is_recent(trail->entered, now) && (tcp.flags & TCP_RST) ? CONTINUE : DROP;
}

/* 1: passes; 0: does not; -1: does not, and is worth no word. */
inline_always int judge_neighbour(struct __sk_buff *skb, const struct packet *p)
{
	__u8 type;

	if (bpf_skb_load_bytes(skb, p->transport, &type, 1))
		return 0;
	if (type == MULTICAST_LISTENER_REPORT_2)
		return -1;
	return p->transport == ETH_HEADER + V6_HEADER && skb->len <= MAX_NEIGHBOUR_BYTES &&
	       (type == ROUTER_SOLICITATION || type == NEIGHBOUR_SOLICITATION || type == NEIGHBOUR_ADVERTISEMENT);
}

SEC("tc")
int from_pod(struct __sk_buff *skb)
{
	__u32 device = skb->ifindex, netns;
	struct myelin_veth *veth = bpf_map_lookup_elem(&veths, &device);
	struct myelin_namespace *space;
	struct packet p = {0};
	int verdict = 0;

	if (!veth)
		return CONTINUE;
	netns = veth->netns;
	space = bpf_map_lookup_elem(&namespaces, &netns);
	if (skb->protocol == bpf_htons(ETH_P_ARP) && skb->len <= MAX_ARP_BYTES)
		return CONTINUE;
	if (read_frame(skb, &p)) {
		if (p.protocol == IPPROTO_TCP && judge_segment(skb, &p, space) == CONTINUE)
			return CONTINUE;
		if (p.protocol == IPPROTO_ICMPV6)
			verdict = judge_neighbour(skb, &p);
		else if (p.protocol == IPPROTO_IGMP)
			verdict = -1;
	}
	if (verdict > 0)
		return CONTINUE;
	if (verdict == 0)
		report_frame(space, netns, &p);
	return DROP;
}

/* What goes into the pod is the guard's to judge: here it is only remembered that it may be answered. */
SEC("tc")
int to_pod(struct __sk_buff *skb)
{
	struct myelin_flow_key answer = {0};
	struct tcp_header tcp;
	struct packet p = {0};

	if (!read_frame(skb, &p) || p.protocol != IPPROTO_TCP || !read_tcp(skb, &p, &tcp))
		return CONTINUE;
	set_flow(&answer, 0, &p.destination, &p.source);
	leave_trail(&answer, bpf_map_lookup_elem(&trails, &answer), bpf_ktime_get_ns(), 0);
	return CONTINUE;
}
