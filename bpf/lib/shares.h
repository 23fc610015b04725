/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Places in `pending` and `flows`. Each workload is sure of an equal number; the rest is for whoever comes first, so that one workload
 * that uses up everything leaves to the others what they are sure of. Whoever takes an entry out gives its place back, once.
 */
#ifndef MYELIN_SHARES_H
#define MYELIN_SHARES_H

#include "maps.h"

inline_always struct myelin_usage *usage_of(__u32 workload)
{
	struct myelin_usage *found = bpf_map_lookup_elem(&usage, &workload), none = {0};

	if (found)
		return found;
	bpf_map_update_elem(&usage, &workload, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&usage, &workload);
}

/* 0 when there is none. `flags` tells afterwards where the place came from. */
inline_always int take_place(__u32 workload, __u32 *flags)
{
	__u32 zero = 0, *common = bpf_map_lookup_elem(&common_entries, &zero);
	struct myelin_share *share = bpf_map_lookup_elem(&shares, &zero);
	struct myelin_usage *own = usage_of(workload);

	*flags = 0;
	if (!common || !share || !own)
		return 0;
	if (__sync_fetch_and_add(&own->entries, 1) < share->guaranteed)
		return 1;
	if (__sync_fetch_and_add(common, 1) < share->common) {
		*flags = MYELIN_FLOW_COMMON;
		return 1;
	}
	__sync_fetch_and_add(common, -1);
	__sync_fetch_and_add(&own->entries, -1);
	__sync_fetch_and_add(&own->refused, 1);
	return 0;
}

inline_always void give_place_back(__u32 workload, __u32 flags)
{
	__u32 zero = 0, *common = bpf_map_lookup_elem(&common_entries, &zero);
	struct myelin_usage *own = bpf_map_lookup_elem(&usage, &workload);

	/* 0: the workload was forgotten while the connection lived. */
	if (own && own->entries)
		__sync_fetch_and_add(&own->entries, -1);
	if (common && (flags & MYELIN_FLOW_COMMON))
		__sync_fetch_and_add(common, -1);
}

/* Takes a record out of `pending`. 0: it was not there, or somebody else took it. */
inline_always int take_pending(const struct myelin_flow_key *key, struct myelin_original_destination *origin)
{
	struct myelin_pending *entry = bpf_map_lookup_elem(&pending, key);
	__u32 workload, flags;

	if (!entry)
		return 0;
	*origin = entry->origin;
	workload = entry->origin.workload;
	flags = entry->flags;
	if (bpf_map_delete_elem(&pending, key))
		return 0;
	give_place_back(workload, flags);
	return 1;
}

inline_always void drop_pending(const struct myelin_flow_key *key)
{
	struct myelin_pending *entry = bpf_map_lookup_elem(&pending, key);
	__u32 workload, flags;

	if (!entry)
		return;
	workload = entry->origin.workload;
	flags = entry->flags;
	if (!bpf_map_delete_elem(&pending, key))
		give_place_back(workload, flags);
}

/* Returns the flags that the permit had. */
inline_always __u32 drop_permit(const struct myelin_flow_key *key)
{
	struct myelin_flow *permit = bpf_map_lookup_elem(&flows, key);
	__u32 workload, flags;

	if (!permit)
		return 0;
	workload = permit->source_workload;
	flags = permit->flags;
	if (!bpf_map_delete_elem(&flows, key))
		give_place_back(workload, flags);
	return flags;
}

#endif
