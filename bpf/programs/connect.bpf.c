/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* cgroup/connect4, connect6: decides what becomes of a connection before the first packet. */
#include "../lib/datagram.h"
#include "../lib/liveness.h"
#include "../lib/outbound.h"

/* struct sockaddr_in and sockaddr_in6, whose headers clash with <linux/bpf.h> users of libc. */
struct v4_sockaddr {
	__u16 family, port;
	__u32 ip;
	__u8 zero[8];
};

struct v6_sockaddr {
	__u16 family, port;
	__u32 flow, ip[4], scope;
};

/* What was decided about a TCP connect. */
struct decision {
	__u32 reason; /* MYELIN_REASON_NONE: go */
	__u32 kind;
	__u32 service;
	struct wide_address to;
};

inline_always void remember(struct bpf_sock_addr *ctx, struct socket_state *state, const struct identity *id,
			    const struct wide_address *dialled, const struct decision *decided)
{
	state->cgroup = id->cgroup;
	state->since = bpf_ktime_get_ns();
	state->kind = decided->kind;
	state->destination_service = decided->service;
	state->entered = 0;
	state->established = 0;
	state->origin.destination = dialled->value;
	state->origin.workload = id->who->workload;
	state->origin.service = id->who->service;
	state->origin.netns = id->who->netns;
	state->origin.cgroup = id->cgroup;
	state->origin.cookie = bpf_get_socket_cookie(ctx);
}

/* The captured socket gets the pod's address as its own, as it would have without the mesh. It is no harm if that fails. */
inline_always void bind_own_address(struct bpf_sock_addr *ctx, int v6, int mapped, __u32 netns)
{
	struct myelin_namespace *space = bpf_map_lookup_elem(&namespaces, &netns);
	struct v4_sockaddr v4 = {.family = AF_INET};
	struct v6_sockaddr v6_address = {.family = AF_INET6};

	if (!space || space->cookie != bpf_get_netns_cookie(ctx))
		return;
	if (!v6) {
		if (!(space->flags & MYELIN_NAMESPACE_HAS_V4))
			return;
		__builtin_memcpy(&v4.ip, space->v4 + 12, 4);
		bpf_bind(ctx, (void *)&v4, sizeof(v4));
	} else if (mapped ? space->flags & MYELIN_NAMESPACE_HAS_V4 : space->flags & MYELIN_NAMESPACE_HAS_V6) {
		__builtin_memcpy(v6_address.ip, mapped ? space->v4 : space->v6, 16);
		bpf_bind(ctx, (void *)&v6_address, sizeof(v6_address));
	}
}

/* An endpoint on this node of the caller's address family, a random one unless a certain one was dialled. */
inline_always int pick_local(const struct decision *decided, const struct wide_address *dialled, __u32 flags, int node,
			     struct wide_address *chosen)
{
	__u32 service = decided->service;
	struct myelin_local_endpoints *local = bpf_map_lookup_elem(&local_endpoints, &service);
	__u32 total, start;

	if (!local)
		return 0;
	total = local->count;
	if (total == 0 || total > MYELIN_MAX_LOCAL_ENDPOINTS)
		return 0;
	start = bpf_get_prandom_u32() % total;
	for (__u32 step = 0; step < MYELIN_MAX_LOCAL_ENDPOINTS; step++) {
		__u32 index = start + step;

		if (step >= total)
			break;
		if (index >= total)
			index -= total;
		chosen->value = local->endpoint[index & (MYELIN_MAX_LOCAL_ENDPOINTS - 1)];
		if (is_v4(chosen) != is_v4(dialled) || (is_loopback(chosen) && !node))
			continue;
		if ((flags & MYELIN_DESTINATION_ENDPOINT) && !same_address(chosen, dialled))
			continue;
		return 1;
	}
	return 0;
}

inline_always void to_listener(const struct wide_address *dialled, struct decision *decided)
{
	decided->kind = KIND_PROXY;
	if (is_v4(dialled))
		set_v4(&decided->to, V4_LOOPBACK, MYELIN_CAPTURE_PORT);
	else
		set_v6(&decided->to, 0, 0, 0, V6_LOOPBACK, MYELIN_CAPTURE_PORT);
}

inline_always void judge_stream(const struct myelin_workload *who, const struct wide_address *dialled, int node, struct decision *decided)
{
	struct myelin_address key = dialled->value;
	struct myelin_destination *known = bpf_map_lookup_elem(&destinations, &key);
	struct myelin_verdict_key pair = {.source = who->service};
	struct myelin_verdict *verdict;

	if (!known) {
		if (is_own_port(dialled->port)) {
			decided->reason = MYELIN_REASON_OWN_PORT;
		} else if (dialled->port == DNS_SERVER_PORT) {
			to_listener(dialled, decided);
		} else if (is_loopback(dialled) && !node) {
			decided->kind = KIND_LOCAL;
		} else {
			decided->reason = MYELIN_REASON_EGRESS;
		}
		return;
	}
	decided->service = pair.destination = known->service;
	verdict = bpf_map_lookup_elem(&verdicts, &pair);
	if (!verdict) {
		decided->reason = MYELIN_REASON_NOT_ALLOWED;
	} else if (verdict->action == MYELIN_ACTION_DIRECT || verdict->action == MYELIN_ACTION_PROXY) {
		if (known->flags & MYELIN_DESTINATION_DEAD)
			decided->reason = MYELIN_REASON_NO_ENDPOINT;
		else if (verdict->action == MYELIN_ACTION_DIRECT && pick_local(decided, dialled, known->flags, node, &decided->to))
			decided->kind = KIND_DIRECT;
		else
			to_listener(dialled, decided);
	} else {
		decided->reason = verdict->reason ?: MYELIN_REASON_DENIED;
	}
}

/* Nobody is there to take the connection, or to answer for a direct one. */
inline_always int is_served(const struct decision *decided, const struct myelin_workload *who)
{
	if (decided->kind == KIND_PROXY)
		return has_socket(listener_index(who->netns, is_v4(&decided->to)));
	return decided->kind == KIND_LOCAL || daemon_lives();
}

inline_always int on_stream(struct bpf_sock_addr *ctx, struct bpf_sock *sk, struct socket_state *state, int v6, const struct identity *id,
			    struct wide_address *dialled)
{
	struct decision decided = {0};

	if (id->who)
		judge_stream(id->who, dialled, is_node_socket(ctx, id->who), &decided);
	else
		decided.reason = MYELIN_REASON_UNKNOWN_WORKLOAD;
	if (id->who && decided.reason == MYELIN_REASON_NONE && !is_served(&decided, id->who))
		decided.reason = MYELIN_REASON_NOT_RUNNING;
	if (!id->who || decided.reason != MYELIN_REASON_NONE) {
		report_outbound(decided.reason, id->who, id->cgroup, dialled, decided.service, IPPROTO_TCP);
		if (decided.reason == MYELIN_REASON_NOT_RUNNING || decided.reason == MYELIN_REASON_NO_ENDPOINT)
			bpf_set_retval(-ECONNREFUSED);
		return REFUSE;
	}
	remember(ctx, state, id, dialled, &decided);
	if (decided.kind == KIND_LOCAL) {
		count(MYELIN_COUNTER_LOCAL);
		return PASS;
	}
	if (decided.kind == KIND_PROXY) {
		release_device(ctx, sk);
		bind_own_address(ctx, v6, is_v4(dialled), id->who->netns);
		count(MYELIN_COUNTER_CAPTURED);
	} else {
		count(MYELIN_COUNTER_DIRECT);
	}
	write_user(ctx, v6, &decided.to);
	return PASS;
}

/*
 * getaddrinfo() connects UDP sockets to the addresses that it found, to put them in order (RFC 6724 section 5). Nothing is sent: refused,
 * but not worth an event for each name that is looked up.
 */
inline_always int is_probe(const struct identity *id, const struct wide_address *dialled)
{
	struct myelin_address key = dialled->value;

	if (!id->who || dialled->port == DNS_SERVER_PORT || is_loopback(dialled))
		return 0;
	return dialled->port == 0 || bpf_map_lookup_elem(&destinations, &key);
}

inline_always int on_connect(struct bpf_sock_addr *ctx, int v6)
{
	struct bpf_sock *sk = ctx->sk;
	struct socket_state *state;
	struct wide_address dialled;
	struct identity id;

	if (!sk)
		return REFUSE;
	state = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	id = socket_identity(state);
	if (is_exempt(&id)) {
		if (state && id.who)
			state->kind = KIND_EXEMPT;
		return PASS;
	}
	if (!state) {
		count(MYELIN_COUNTER_TABLE_FULL);
		return REFUSE;
	}
	read_user(ctx, v6, &dialled);
	normalise_any(&dialled);
	if (ctx->type == SOCK_STREAM && ctx->protocol == IPPROTO_TCP)
		return on_stream(ctx, sk, state, v6, &id, &dialled);
	if (ctx->type == SOCK_DGRAM && ctx->protocol == IPPROTO_UDP)
		return is_probe(&id, &dialled) ? REFUSE : judge_datagram(ctx, sk, v6, &id, &dialled);
	report_outbound(MYELIN_REASON_SOCKET_KIND, id.who, id.cgroup, &dialled, 0, ctx->protocol);
	return REFUSE;
}

SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr *ctx) { return on_connect(ctx, 0); }

SEC("cgroup/connect6")
int connect6(struct bpf_sock_addr *ctx) { return on_connect(ctx, 1); }
