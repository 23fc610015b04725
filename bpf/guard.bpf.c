/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* guard.bpf.o: loaded once per guarded network namespace. */
#include "programs/guard.bpf.c"

char _license[] SEC("license") = "Dual BSD/GPL";
