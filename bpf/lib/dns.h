/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * DNS slots: an address of loopback names {who asks, which server}. Unlike storage of the socket it also works when one socket asks
 * several servers. The kernel interns them; a workload has at most MYELIN_MAX_DNS_SERVERS.
 */
#ifndef MYELIN_DNS_H
#define MYELIN_DNS_H

#include "address.h"
#include "maps.h"

/* The slot, made if need be; 0 when the workload or the table has no room for another. */
inline_always __u32 dns_slot(const struct myelin_workload *who, const struct wide_address *server)
{
	struct myelin_dns_key key = {.server = server->value, .workload = who->workload};
	struct myelin_dns_slot entry = {.server = server->value, .workload = who->workload, .service = who->service, .netns = who->netns};
	__u32 workload = who->workload, zero = 0, slot, *known, *taken, *next;

	known = bpf_map_lookup_elem(&dns_servers, &key);
	if (known)
		return *known;
	bpf_map_update_elem(&dns_counts, &workload, &zero, BPF_NOEXIST);
	taken = bpf_map_lookup_elem(&dns_counts, &workload);
	next = bpf_map_lookup_elem(&dns_next, &zero);
	if (!taken || !next || *taken >= MYELIN_MAX_DNS_SERVERS)
		return 0;
	slot = MYELIN_FIRST_DNS_SLOT + __sync_fetch_and_add(next, 1) % (MYELIN_LAST_DNS_SLOT - MYELIN_FIRST_DNS_SLOT + 1);
	if (bpf_map_update_elem(&dns_slots, &slot, &entry, BPF_NOEXIST))
		return 0;
	if (bpf_map_update_elem(&dns_servers, &key, &slot, BPF_NOEXIST)) {
		/* Another thread of the workload was faster, or the table is full. */
		bpf_map_delete_elem(&dns_slots, &slot);
		known = bpf_map_lookup_elem(&dns_servers, &key);
		return known ? *known : 0;
	}
	__sync_fetch_and_add(taken, 1);
	return slot;
}

/* Where to send what was meant for `server`. */
inline_always void slot_address(__u32 slot, const struct wide_address *server, struct wide_address *to)
{
	if (is_v4(server))
		set_v4(to, bpf_htonl(0x7f000000 | slot), MYELIN_DNS_PORT);
	else
		set_v6(to, SLOT_WORD_0, SLOT_WORD_1, 0, bpf_htonl(slot), MYELIN_DNS_PORT);
}

/* The server behind an address that a socket received from or is connected to; NULL if that is no slot. */
inline_always struct myelin_dns_slot *slot_behind(const struct wide_address *from)
{
	__u32 slot;

	if (from->port != MYELIN_DNS_PORT)
		return 0;
	if (is_v4(from)) {
		slot = bpf_ntohl(from->word[3]);
		if (slot >> 24 != 127)
			return 0;
		slot &= 0xffffff;
	} else if (is_v6_slot(from)) {
		slot = bpf_ntohl(from->word[3]);
	} else {
		return 0;
	}
	return bpf_map_lookup_elem(&dns_slots, &slot);
}

#endif
