/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cgroup_skb/ingress at the root of all cgroups: a connection that the mesh makes to a service is taken by a listener of that service and
 * of nobody else. The kernel sends no reset for what is dropped here; the daemon looks at the mark, and the guard resets the next SYN.
 */
#include "../lib/events.h"
#include "../lib/flows.h"
#include "../lib/kernel_socket.h"
#include "../lib/listener.h"
#include "../lib/packet.h"

SEC("cgroup_skb/ingress")
int listener(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	struct myelin_flow *flow;
	struct packet p = {0};
	__u64 netns;

	if (!sk)
		return PASS;
	sk = bpf_sk_fullsock(sk);
	if (!sk || sk->protocol != IPPROTO_TCP || sk->state != BPF_TCP_LISTEN)
		return PASS;
	netns = netns_cookie_of(sk);
	if (!netns || !read_packet(skb, &p) || !read_ports(skb, &p))
		return PASS;
	flow = find_voucher(netns, &p.source, &p.destination);
	if (!flow || !flow->destination_service || listens_for(sk, netns, flow->destination_service))
		return PASS;
	flow->flags |= MYELIN_FLOW_WRONG_LISTENER;
	count(MYELIN_COUNTER_DENIED_INBOUND);
	return REFUSE;
}
