/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is closed before anybody knows it: paths of cgroups, namespaces of pods, and the devices by which pods are joined to the node. */
#ifndef MYELIN_CLOSURE_H
#define MYELIN_CLOSURE_H

#include "maps.h"

/* Written by the daemon; the cgroup in a value by the programs too. */
HASH(known_paths, struct myelin_path, struct myelin_known_path, MYELIN_MAX_PATHS);
HASH(veths, __u32, struct myelin_veth, MYELIN_MAX_VETHS);
/* The cookie of a pod's namespace -> its index. */
HASH(pods, __u64, __u32, MYELIN_MAX_NAMESPACES);

/* Written by the programs. What an entry is missing for is dropped: connections that nobody has used for long make room for others. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MYELIN_MAX_TRAILS);
	__type(key, struct myelin_flow_key);
	__type(value, struct myelin_trail);
} trails SEC(".maps");

#endif
