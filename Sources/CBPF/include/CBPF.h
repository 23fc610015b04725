/* SPDX-License-Identifier: Apache-2.0 */
/* libbpf, and what Swift cannot import of it. Imported by MeshBPF only. */
#ifndef CBPF_H
#define CBPF_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stddef.h>

/*
 * Collects what libbpf and the verifier say on the calling thread, from now until cbpf_log_take. Keeps the tail: the last
 * CBPF_LOG_BYTES - 1 bytes. Nothing is printed.
 */
#define CBPF_LOG_BYTES 4096
void cbpf_log_start(void);
/* Copies the collected text into `text` (CBPF_LOG_BYTES long, NUL-terminated) and stops collecting. */
void cbpf_log_take(char *text);

/* Creates a cgroup link; a descriptor, or -errno. */
int cbpf_link_cgroup(int program, int cgroup, enum bpf_attach_type type);
/* Creates an sk_lookup link on a network namespace; a descriptor, or -errno. */
int cbpf_link_namespace(int program, int netns);
/* The cgroup id that a cgroup link is attached to, the inode of a namespace link's namespace; 0 when it is gone, -errno on error. */
long long cbpf_link_target(int link);

/* Attaches a program of type tp_btf to the tracepoint that it names; a descriptor, or -errno. */
int cbpf_link_tracepoint(int program);

/*
 * Our filter on a device of the calling thread's namespace, on packets that come out of the device or, `leaving`, that are sent to it. It
 * takes the place of one of ours that is there. 0, or -errno.
 */
int cbpf_tc_attach(int device, int leaving, int program);
int cbpf_tc_detach(int device, int leaving);

int cbpf_mount_bpffs(const char *path);
int cbpf_is_bpffs(const char *path);

#endif
