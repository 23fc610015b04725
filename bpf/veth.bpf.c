/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* veth.bpf.o: what is attached to the host's end of a pod's device. */
#include "programs/veth.bpf.c"

char _license[] SEC("license") = "Dual BSD/GPL";
