/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* cgroup/bind4, bind6: nobody sits down on the daemon's ports while it is away. */
#include "../lib/events.h"
#include "../lib/identity.h"

inline_always int on_bind(struct bpf_sock_addr *ctx, int v6)
{
	struct wide_address address;
	struct identity id;

	read_user(ctx, v6, &address);
	if (!is_own_port(address.port))
		return PASS;
	id = current_identity();
	if (is_exempt(&id))
		return PASS;
	report_outbound(MYELIN_REASON_OWN_PORT, id.who, id.cgroup, &address, 0, ctx->protocol);
	return REFUSE;
}

SEC("cgroup/bind4")
int bind4(struct bpf_sock_addr *ctx) { return on_bind(ctx, 0); }

SEC("cgroup/bind6")
int bind6(struct bpf_sock_addr *ctx) { return on_bind(ctx, 1); }
