/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every program includes: the kernel's interface, ours, and the few numbers that its headers keep to themselves. */
#ifndef MYELIN_BASE_H
#define MYELIN_BASE_H

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../abi/include/myelin_abi.h"

#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_RAW 3
#define SOL_SOCKET 1
#define SOL_IP 0
#define SOL_IPV6 41
#define SO_BINDTODEVICE 25
#define SO_ORIGINAL_DST 80
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_MPTCP 262
#define EPERM 1
#define EPROTONOSUPPORT 93
#define ECONNREFUSED 111
#define ETIMEDOUT 110
#define ECANCELED 125
#define LOOPBACK_IFINDEX 1
#define DNS_SERVER_PORT 53

/* What cgroup programs return. */
#define REFUSE 0
#define PASS 1

#define inline_always static __attribute__((always_inline)) inline

/*
 * Keeps a value that was read of a context where it was read: the verifier wants constant offsets from the context's pointer, and the
 * compiler likes to merge such reads into one through a computed pointer.
 */
#define PINNED(value)                                                                                                                      \
	({                                                                                                                                 \
		__typeof__(value) pinned_ = (value);                                                                                       \
		asm volatile("" : "+r"(pinned_));                                                                                          \
		pinned_;                                                                                                                   \
	})

#endif
