/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose a listener is: that of the cgroup whose process made it, which a socket never changes. The deepest cgroup that is or was a
 * workload's decides, so that a runtime may nest cgroups below a pod's, and a unit's successor may go on with its listener.
 */
#ifndef MYELIN_LISTENER_H
#define MYELIN_LISTENER_H

#include "constants.h"
#include "maps.h"

struct owner {
	int known;
	int exempt;
	__u32 service;
};

inline_always void find_owner(struct bpf_sock *sk, struct owner *found)
{
	for (int level = 1; level <= MYELIN_MAX_CGROUP_LEVEL; level++) {
		__u64 id = bpf_sk_ancestor_cgroup_id(sk, level);
		struct myelin_workload *who;
		__u32 *service;

		if (!id)
			break;
		who = bpf_map_lookup_elem(&workloads, &id);
		service = who ? &who->service : bpf_map_lookup_elem(&former, &id);
		if (!service)
			continue;
		found->known = 1;
		found->exempt = who && (who->flags & MYELIN_WORKLOAD_EXEMPT);
		found->service = *service;
	}
}

/*
 * Only the machine's service manager makes sockets in the cgroup of process 1: what listens there in the node's namespace is a service's
 * activated socket.
 */
inline_always int is_activated(struct bpf_sock *sk, __u64 netns)
{
	return constants.service_manager && netns == constants.node_netns && bpf_sk_cgroup_id(sk) == constants.service_manager;
}

inline_always int listens_for(struct bpf_sock *sk, __u64 netns, __u32 service)
{
	struct owner owner = {0};

	find_owner(sk, &owner);
	if (owner.known)
		return !owner.exempt && owner.service == service;
	return is_activated(sk, netns);
}

#endif
