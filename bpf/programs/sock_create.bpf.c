/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* cgroup/sock_create: records who made a socket; meshed workloads, and strangers in their namespaces, get TCP and UDP sockets only. */
#include "../lib/closure.h"
#include "../lib/events.h"
#include "../lib/identity.h"

inline_always __u32 judge_kind(__u32 type, __u32 protocol)
{
	if (type == SOCK_RAW)
		return MYELIN_REASON_RAW_SOCKET;
	if (protocol == IPPROTO_MPTCP)
		return MYELIN_REASON_MPTCP;
	if (type == SOCK_STREAM && protocol == IPPROTO_TCP)
		return MYELIN_REASON_NONE;
	if (type == SOCK_DGRAM && protocol == IPPROTO_UDP)
		return MYELIN_REASON_NONE;
	return MYELIN_REASON_SOCKET_KIND;
}

/*
 * Nobody without an identity has sockets in a pod's namespace that speak anything but TCP and UDP: what `pass` lets through is the node's
 * own business in the node's own namespace.
 */
inline_always int is_foreign_to_pod(struct bpf_sock *ctx, const struct identity *id)
{
	__u64 cookie = bpf_get_netns_cookie(ctx);

	return !id->who && bpf_map_lookup_elem(&pods, &cookie);
}

SEC("cgroup/sock_create")
int sock_create(struct bpf_sock *ctx)
{
	struct identity id = current_identity();
	struct socket_state *state;
	__u32 reason;

	reason = judge_kind(ctx->type, ctx->protocol);
	if (is_exempt(&id) && !(reason != MYELIN_REASON_NONE && is_foreign_to_pod(ctx, &id))) {
		if (!id.who)
			return PASS;
		state = bpf_sk_storage_get(&sockets, ctx, 0, BPF_SK_STORAGE_GET_F_CREATE);
		if (state) {
			state->cgroup = id.cgroup;
			state->kind = KIND_EXEMPT;
		}
		return PASS;
	}
	if (reason != MYELIN_REASON_NONE) {
		report_outbound(reason, id.who, id.cgroup, 0, 0, ctx->protocol);
		/* An errno upon which programs fall back to TCP by themselves. */
		if (reason != MYELIN_REASON_RAW_SOCKET)
			bpf_set_retval(-EPROTONOSUPPORT);
		return REFUSE;
	}
	state = bpf_sk_storage_get(&sockets, ctx, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!state)
		return REFUSE;
	state->cgroup = id.who ? id.cgroup : 0;
	return PASS;
}
