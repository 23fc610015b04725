/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sockops of the daemon's cgroup. An accepted connection takes over the record that its caller wrote; a connection that the daemon
 * makes is entered in `deliveries`, so that the guard of the workload's namespace passes it.
 */
#include "../lib/events.h"
#include "../lib/flows.h"
#include "../lib/shares.h"

inline_always void on_capture(struct bpf_sock_ops *ctx, struct bpf_sock *sk)
{
	struct wide_address local, remote;
	struct myelin_flow_key key = {0};
	struct socket_state *state;

	read_ends(ctx, &local, &remote);
	if (local.port != MYELIN_CAPTURE_PORT)
		return;
	set_flow(&key, bpf_get_netns_cookie(ctx), &remote, &local);
	state = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!state) {
		drop_pending(&key);
		return;
	}
	if (take_pending(&key, &state->origin))
		state->kind = KIND_CAPTURED;
}

inline_always void on_delivery(struct bpf_sock_ops *ctx, struct bpf_sock *sk)
{
	struct socket_state *state = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	struct wide_address local, remote;
	struct myelin_flow_key key = {0};
	struct myelin_flow flow = {0};

	if (!state)
		return;
	state->kind = KIND_EXEMPT;
	read_ends(ctx, &local, &remote);
	set_flow(&key, bpf_get_netns_cookie(ctx), &local, &remote);
	flow.destination_service = state->destination_service;
	if (bpf_map_update_elem(&deliveries, &key, &flow, BPF_ANY)) {
		count(MYELIN_COUNTER_TABLE_FULL);
		return;
	}
	state->flow = key;
	state->entered = 1;
	bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
}

SEC("sockops")
int daemon_sockops(struct bpf_sock_ops *ctx)
{
	__u32 op = PINNED(ctx->op), to = PINNED(ctx->args[1]);
	struct bpf_sock *sk = ctx->sk;
	struct socket_state *state;

	if (!sk)
		return 1;
	if (op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB) {
		on_capture(ctx, sk);
	} else if (op == BPF_SOCK_OPS_TCP_CONNECT_CB) {
		on_delivery(ctx, sk);
	} else if (op == BPF_SOCK_OPS_STATE_CB && to == BPF_TCP_CLOSE) {
		state = bpf_sk_storage_get(&sockets, sk, 0, 0);
		if (state && state->entered) {
			struct myelin_flow_key key = state->flow;

			state->entered = 0;
			bpf_map_delete_elem(&deliveries, &key);
		}
	}
	return 1;
}
