/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * bind, connect and sendmsg at the root of all cgroups: in the namespaces of this node's mesh nobody but the daemon takes its ports, and
 * nobody reaches its listeners but by capture, whether captured or not, and whether the daemon lives or not. Other namespaces are none of
 * its business: other daemons may run on the machine.
 */
#include "../lib/dns.h"
#include "../lib/events.h"
#include "../lib/identity.h"

inline_always int is_guarded(struct bpf_sock_addr *ctx)
{
	__u64 netns = bpf_get_netns_cookie(ctx);

	return netns == constants.node_netns || bpf_map_lookup_elem(&guarded, &netns);
}

/* Refuses the calling process, unless it is the daemon or a hook before this one has refused it already. */
inline_always int turn_away(struct bpf_sock_addr *ctx, const struct wide_address *address)
{
	struct identity id;

	if (bpf_get_retval() < 0 || !is_guarded(ctx))
		return PASS;
	id = current_identity();
	if (id.who && (id.who->flags & MYELIN_WORKLOAD_DAEMON))
		return PASS;
	report_outbound(MYELIN_REASON_OWN_PORT, id.who, id.cgroup, address, 0, ctx->protocol);
	return REFUSE;
}

inline_always int on_door_bind(struct bpf_sock_addr *ctx, int v6)
{
	struct wide_address address;

	read_user(ctx, v6, &address);
	return is_own_port(address.port) ? turn_away(ctx, &address) : PASS;
}

/* The connect hook sent it here. */
inline_always int is_captured_stream(struct bpf_sock *sk)
{
	struct socket_state *state = bpf_sk_storage_get(&sockets, sk, 0, 0);

	return state && state->kind == KIND_PROXY;
}

/* The slot is of the workload that asks. */
inline_always int is_own_slot(struct bpf_sock *sk, const struct wide_address *address)
{
	struct identity id = socket_identity(bpf_sk_storage_get(&sockets, sk, 0, 0));
	struct myelin_dns_slot *slot = slot_behind(address);

	return is_meshed(id.who) && slot && slot->workload == id.who->workload;
}

inline_always int on_door_dial(struct bpf_sock_addr *ctx, int v6)
{
	struct bpf_sock *sk = ctx->sk;
	struct wide_address address;

	if (!sk)
		return PASS;
	read_user(ctx, v6, &address);
	normalise_any(&address);
	if (address.port != MYELIN_CAPTURE_PORT && address.port != MYELIN_DNS_PORT)
		return PASS;
	if (!is_loopback(&address) && !is_v6_slot(&address))
		return PASS;
	if (ctx->protocol == IPPROTO_UDP ? is_own_slot(sk, &address) : is_captured_stream(sk))
		return PASS;
	return turn_away(ctx, &address);
}

SEC("cgroup/bind4")
int door_bind4(struct bpf_sock_addr *ctx) { return on_door_bind(ctx, 0); }

SEC("cgroup/bind6")
int door_bind6(struct bpf_sock_addr *ctx) { return on_door_bind(ctx, 1); }

SEC("cgroup/connect4")
int door_connect4(struct bpf_sock_addr *ctx) { return on_door_dial(ctx, 0); }

SEC("cgroup/connect6")
int door_connect6(struct bpf_sock_addr *ctx) { return on_door_dial(ctx, 1); }

SEC("cgroup/sendmsg4")
int door_sendmsg4(struct bpf_sock_addr *ctx) { return on_door_dial(ctx, 0); }

SEC("cgroup/sendmsg6")
int door_sendmsg6(struct bpf_sock_addr *ctx) { return on_door_dial(ctx, 1); }
