/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* closure.bpf.o: knows cgroups from the moment that they are made. An object of its own: a kernel that refuses it still captures. */
#include "programs/cgroup_mkdir.bpf.c"

char _license[] SEC("license") = "Dual BSD/GPL";
