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
};

inline_always int is_meshed(const struct myelin_workload *who) { return who && !(who->flags & MYELIN_WORKLOAD_EXEMPT); }

/* The deepest known cgroup above the calling process. */
inline_always struct identity current_identity(void)
{
	struct identity found = {0};
	__u64 id = bpf_get_current_cgroup_id();

	found.cgroup = id;
	found.who = bpf_map_lookup_elem(&workloads, &id);
	if (found.who)
		return found;
	for (int level = MYELIN_MAX_CGROUP_LEVEL; level > 0; level--) {
		struct myelin_workload *who;

		id = bpf_get_current_ancestor_cgroup_id(level);
		if (!id)
			continue;
		who = bpf_map_lookup_elem(&workloads, &id);
		if (who) {
			found.who = who;
			found.cgroup = id;
			return found;
		}
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
	return !constants.refuse_unknown;
}

#endif
