/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The tracepoint cgroup_mkdir runs before anybody can see the new directory, so that the first process in it finds the cgroup known: closed,
 * or the workload that was at this path before. Neither needs the daemon. One cgroup is made at a time: the kernel holds its mutex.
 */
#include "../lib/closure.h"

#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct kernfs_node {
	__u64 id;
};
struct cgroup_root {
	int hierarchy_id;
};
struct cgroup {
	struct kernfs_node *kn;
	struct cgroup_root *root;
};
#pragma clang attribute pop

/* A path does not fit on the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct myelin_path);
} path_buffer SEC(".maps");

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(cgroup_mkdir, struct cgroup *made, const char *text)
{
	struct myelin_known_path *known;
	struct myelin_workload entry;
	struct myelin_path *path;
	__u64 id, before;
	__u32 zero = 0;
	long length;

	/* 0: the hierarchy of cgroup v2 */
	if (made->root->hierarchy_id != 0)
		return 0;
	path = bpf_map_lookup_elem(&path_buffer, &zero);
	if (!path)
		return 0;
	__builtin_memset(path, 0, sizeof(*path));
	length = bpf_probe_read_kernel_str(path->text, sizeof(path->text), text);
	/* A path that was cut off is none that was ever entered. */
	if (length <= 0 || length == sizeof(path->text))
		return 0;
	known = bpf_map_lookup_elem(&known_paths, path);
	if (!known)
		return 0;
	id = made->kn->id;
	before = known->cgroup;
	entry = known->entry;
	if (before && before != id)
		bpf_map_delete_elem(&workloads, &before);
	known->cgroup = id;
	bpf_map_update_elem(&workloads, &id, &entry, BPF_ANY);
	return 0;
}
