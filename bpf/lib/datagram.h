/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What connect() and sendmsg() of a UDP socket may name: a DNS server, which becomes a slot, and a pod's own loopback. */
#ifndef MYELIN_DATAGRAM_H
#define MYELIN_DATAGRAM_H

#include "dns.h"
#include "events.h"
#include "identity.h"
#include "liveness.h"
#include "outbound.h"

inline_always int judge_datagram(struct bpf_sock_addr *ctx, struct bpf_sock *sk, int v6, const struct identity *id,
				 struct wide_address *destination)
{
	__u32 reason = MYELIN_REASON_UDP, slot;
	struct myelin_dns_slot *own;
	struct wide_address to;

	if (!id->who) {
		reason = MYELIN_REASON_UNKNOWN_WORKLOAD;
	} else if (destination->port == DNS_SERVER_PORT) {
		if (!resolver_lives(id->who->netns, is_v4(destination))) {
			report_outbound(MYELIN_REASON_NOT_RUNNING, id->who, id->cgroup, destination, 0, IPPROTO_UDP);
			bpf_set_retval(-ECONNREFUSED);
			return REFUSE;
		}
		slot = dns_slot(id->who, destination);
		if (slot) {
			slot_address(slot, destination, &to);
			release_device(ctx, sk);
			write_user(ctx, v6, &to);
			count(MYELIN_COUNTER_DNS);
			return PASS;
		}
		count(MYELIN_COUNTER_TABLE_FULL);
		reason = MYELIN_REASON_TABLE_FULL;
	} else if ((own = slot_behind(destination)) && own->workload == id->who->workload) {
		/* A connected v4-mapped socket comes here again with the slot that it is connected to. */
		return PASS;
	} else if (is_loopback(destination) && is_own_port(destination->port)) {
		reason = MYELIN_REASON_OWN_PORT;
	} else if (is_loopback(destination) && !is_node_socket(ctx, id->who)) {
		return PASS;
	}
	report_outbound(reason, id->who, id->cgroup, destination, 0, IPPROTO_UDP);
	return REFUSE;
}

#endif
