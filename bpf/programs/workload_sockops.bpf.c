/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sockops of the captured cgroup. The source port is known and the SYN not yet sent at TCP_CONNECT_CB: that is when the record for the
 * daemon's listener, or the permit for the destination's guard, is written. It goes when the socket closes.
 */
#include "../lib/events.h"
#include "../lib/flows.h"
#include "../lib/kernel_socket.h"
#include "../lib/shares.h"

inline_always void report_full(const struct socket_state *state, const struct wide_address *source)
{
	struct myelin_event *event;

	count(MYELIN_COUNTER_TABLE_FULL);
	event = begin_event(MYELIN_EVENT_DENIED_OUTBOUND, MYELIN_REASON_TABLE_FULL);
	if (!event)
		return;
	event->cgroup = state->origin.cgroup;
	event->source_workload = state->origin.workload;
	event->source_service = state->origin.service;
	event->destination_service = state->destination_service;
	event->netns = state->origin.netns;
	event->protocol = IPPROTO_TCP;
	event->source = source->value;
	event->destination = state->origin.destination;
	event->dialled = state->origin.destination;
	end_event(event);
}

/* The whole connection is the key: nobody else can have the same one at the same time. */
inline_always int enter_pending(const struct myelin_flow_key *flow, struct socket_state *state)
{
	struct myelin_pending entry = {.origin = state->origin};

	drop_pending(flow);
	if (!take_place(state->origin.workload, &entry.flags))
		return 1;
	if (!bpf_map_update_elem(&pending, flow, &entry, BPF_NOEXIST))
		return 0;
	give_place_back(state->origin.workload, entry.flags);
	return 1;
}

inline_always int enter_permit(const struct myelin_flow_key *flow, const struct socket_state *state)
{
	struct myelin_flow permit = {
		.source_workload = state->origin.workload,
		.source_service = state->origin.service,
		.destination_service = state->destination_service,
	};

	drop_permit(flow);
	if (!take_place(state->origin.workload, &permit.flags))
		return 1;
	if (!bpf_map_update_elem(&flows, flow, &permit, BPF_NOEXIST))
		return 0;
	give_place_back(state->origin.workload, permit.flags);
	return 1;
}

inline_always void on_connecting(struct bpf_sock_ops *ctx, struct socket_state *state)
{
	struct wide_address local, remote;
	struct myelin_flow_key flow = {0};
	__u64 netns;
	int failed;

	read_ends(ctx, &local, &remote);
	netns = bpf_get_netns_cookie(ctx);
	if (state->kind == KIND_DIRECT && !is_loopback(&remote))
		netns = 0;
	set_flow(&flow, netns, &local, &remote);
	state->flow = flow;
	failed = state->kind == KIND_PROXY ? enter_pending(&flow, state) : enter_permit(&flow, state);
	if (failed) {
		/* Closed: the listener or the guard will not take it. */
		report_full(state, &local);
		return;
	}
	state->entered = 1;
	bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
}

inline_always void report_direct(struct bpf_sock_ops *ctx, struct bpf_sock *sk, const struct socket_state *state, __u32 kind, __u32 reason)
{
	struct myelin_event *event = begin_event(kind, reason);
	struct socket_end end = {0};

	if (!event)
		return;
	event->cgroup = state->origin.cgroup;
	event->source_workload = state->origin.workload;
	event->source_service = state->origin.service;
	event->destination_service = state->destination_service;
	event->netns = state->origin.netns;
	event->protocol = IPPROTO_TCP;
	event->source = state->flow.source;
	event->destination = state->flow.destination;
	event->dialled = state->origin.destination;
	event->duration = event->time - state->since;
	if (kind == MYELIN_EVENT_DIRECT_CLOSED) {
		read_end(ctx, sk, state->established, &end);
		event->bytes_sent = end.sent;
		event->bytes_received = end.received;
		event->failed = end.failed;
	}
	end_event(event);
}

inline_always void on_closed(struct bpf_sock_ops *ctx, struct bpf_sock *sk, struct socket_state *state)
{
	struct myelin_flow_key flow = state->flow;
	__u32 flags;

	if (!state->entered)
		return;
	state->entered = 0;
	if (state->kind == KIND_PROXY) {
		drop_pending(&flow);
		return;
	}
	if (state->kind == KIND_DIRECT) {
		flags = drop_permit(&flow);
		report_direct(ctx, sk, state, MYELIN_EVENT_DIRECT_CLOSED,
			      flags & MYELIN_FLOW_WRONG_LISTENER ? MYELIN_REASON_WRONG_LISTENER : MYELIN_REASON_NONE);
	}
}

inline_always void on_accepted(struct bpf_sock_ops *ctx, struct bpf_sock *sk)
{
	struct socket_state *state = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	struct wide_address local, remote;
	__u64 netns;

	/* The daemon's own program, which runs first, may have marked it. */
	if (!state || state->kind != KIND_NONE)
		return;
	read_ends(ctx, &local, &remote);
	netns = bpf_get_netns_cookie(ctx);
	/* As the packets of this socket go: from here to the caller. */
	set_flow(&state->flow, netns, &local, &remote);
	if (find_permit(netns, &remote, &local))
		state->kind = KIND_DIRECT_INBOUND;
	else if (is_loopback(&local) || is_delivery(netns, &remote, &local))
		state->kind = KIND_LOCAL;
	else
		state->kind = KIND_PLAINTEXT;
}

SEC("sockops")
int workload_sockops(struct bpf_sock_ops *ctx)
{
	__u32 op = PINNED(ctx->op), to = PINNED(ctx->args[1]);
	struct bpf_sock *sk = ctx->sk;
	struct socket_state *state;

	if (!sk)
		return 1;
	if (op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB) {
		on_accepted(ctx, sk);
		return 1;
	}
	if (op != BPF_SOCK_OPS_TCP_CONNECT_CB && op != BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB && op != BPF_SOCK_OPS_STATE_CB)
		return 1;
	state = bpf_sk_storage_get(&sockets, sk, 0, 0);
	if (!state || (state->kind != KIND_PROXY && state->kind != KIND_DIRECT))
		return 1;
	if (op == BPF_SOCK_OPS_TCP_CONNECT_CB) {
		on_connecting(ctx, state);
	} else if (op == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB) {
		state->established = 1;
		if (state->kind == KIND_DIRECT && state->entered)
			report_direct(ctx, sk, state, MYELIN_EVENT_DIRECT_OPENED, MYELIN_REASON_NONE);
	} else if (to == BPF_TCP_CLOSE) {
		on_closed(ctx, sk, state);
	}
	return 1;
}
