/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who a socket belongs to. The process that made it, if that was meshed; otherwise the process that uses it. So neither a socket that a
 * workload hands to someone who is exempt, nor one that an exempt process hands to a workload, gets around the workload's policy.
 */
#ifndef MYELIN_IDENTITY_H
#define MYELIN_IDENTITY_H

#include "constants.h"
#include "maps.h"

struct identity {
	struct myelin_workload *who; /* NULL: not known */
	__u64 cgroup;
	__u32 closed; /* not known, and below a cgroup where nobody unknown may do anything */
};

inline_always int is_meshed(const struct myelin_workload *who) { return who && !(who->flags & MYELIN_WORKLOAD_EXEMPT); }

/* Takes what `workloads` says of a cgroup; 0 when it says nothing. */
inline_always int take_entry(struct identity *found, __u64 id)
{
	struct myelin_workload *who = bpf_map_lookup_elem(&workloads, &id);

	if (!who)
		return 0;
	found->cgroup = id;
	found->closed = (who->flags & MYELIN_WORKLOAD_CLOSED) != 0;
	found->who = found->closed ? 0 : who;
	return 1;
}

/* The deepest known cgroup above the calling process. */
inline_always struct identity current_identity(void)
{
	struct identity found = {0};
	__u64 id = bpf_get_current_cgroup_id();

	found.cgroup = id;
	if (take_entry(&found, id))
		return found;
	for (int level = MYELIN_MAX_CGROUP_LEVEL; level > 0; level--) {
		id = bpf_get_current_ancestor_cgroup_id(level);
		if (id && take_entry(&found, id))
			return found;
	}
	return found;
}

/* Of a socket in the hands of the calling process; `state` may be NULL. */
inline_always struct identity socket_identity(const struct socket_state *state)
{
	struct identity maker = {0};

	if (state && state->cgroup) {
		__u64 id = state->cgroup;

		maker.cgroup = id;
		maker.who = bpf_map_lookup_elem(&workloads, &id);
		if (is_meshed(maker.who))
			return maker;
	}
	return current_identity();
}

/* A process that no hook concerns itself with. */
inline_always int is_exempt(const struct identity *id)
{
	if (id->who)
		return id->who->flags & MYELIN_WORKLOAD_EXEMPT;
	return !constants.refuse_unknown && !id->closed;
}

#endif
