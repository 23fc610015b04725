/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the connect and sendmsg hooks share. */
#ifndef MYELIN_OUTBOUND_H
#define MYELIN_OUTBOUND_H

#include "address.h"
#include "constants.h"
#include "maps.h"

/* The socket lives in the node's namespace, where loopback leads to other services. */
inline_always int is_node_socket(struct bpf_sock_addr *ctx, const struct myelin_workload *who)
{
	return (who->flags & MYELIN_WORKLOAD_HOST_NETNS) || bpf_get_netns_cookie(ctx) == constants.node_netns;
}

/* A socket that is bound to a device does not reach loopback. */
inline_always void release_device(struct bpf_sock_addr *ctx, struct bpf_sock *sk)
{
	char none[4] = {0};

	if (sk->bound_dev_if)
		bpf_setsockopt(ctx, SOL_SOCKET, SO_BINDTODEVICE, none, 1);
}

#endif
