/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* capture.bpf.o: everything that is attached to cgroups, one hook per file. */
#include "programs/bind.bpf.c"
#include "programs/connect.bpf.c"
#include "programs/daemon_sockops.bpf.c"
#include "programs/door.bpf.c"
#include "programs/egress.bpf.c"
#include "programs/getpeername.bpf.c"
#include "programs/ingress.bpf.c"
#include "programs/listener.bpf.c"
#include "programs/original_destination.bpf.c"
#include "programs/recvmsg.bpf.c"
#include "programs/sendmsg.bpf.c"
#include "programs/sock_create.bpf.c"
#include "programs/workload_sockops.bpf.c"

char _license[] SEC("license") = "Dual BSD/GPL";
