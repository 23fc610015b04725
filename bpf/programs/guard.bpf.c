/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sk_lookup: one instance per network namespace decides which connections reach a listener in it. Refused ones are reset at once.
 */
#include "../lib/events.h"
#include "../lib/flows.h"
#include "../lib/liveness.h"

const volatile struct myelin_guard_constants guard SEC(".rodata.constants");

/* Whose connection this would be. */
struct target {
	__u32 workload;
	__u32 service;
	int permissive;
};

inline_always void report_inbound(__u32 protocol, const struct wide_address *source, const struct wide_address *destination,
				  const struct target *target, __u32 reason)
{
	struct myelin_event *event;
	int passed = target->permissive && reason == MYELIN_REASON_PLAINTEXT;

	count(passed ? MYELIN_COUNTER_PERMISSIVE : MYELIN_COUNTER_DENIED_INBOUND);
	event = begin_event(passed ? MYELIN_EVENT_PERMISSIVE_INBOUND : MYELIN_EVENT_DENIED_INBOUND, reason);
	if (!event)
		return;
	event->destination_service = target->service;
	event->netns = guard.index;
	event->protocol = protocol;
	event->source = source->value;
	event->destination = destination->value;
	event->dialled = destination->value;
	end_event(event);
}

inline_always void read_lookup(struct bpf_sk_lookup *ctx, struct wide_address *source, struct wide_address *destination)
{
	__u32 family = PINNED(ctx->family), local4 = PINNED(ctx->local_ip4), remote4 = PINNED(ctx->remote_ip4);
	__u32 r0 = PINNED(ctx->remote_ip6[0]), r1 = PINNED(ctx->remote_ip6[1]), r2 = PINNED(ctx->remote_ip6[2]);
	__u32 r3 = PINNED(ctx->remote_ip6[3]), l0 = PINNED(ctx->local_ip6[0]), l1 = PINNED(ctx->local_ip6[1]);
	__u32 l2 = PINNED(ctx->local_ip6[2]), l3 = PINNED(ctx->local_ip6[3]);
	__u16 source_port = bpf_ntohs(PINNED(ctx->remote_port)), port = PINNED(ctx->local_port);

	if (family == AF_INET) {
		set_v4(source, remote4, source_port);
		set_v4(destination, local4, port);
	} else {
		set_v6(source, r0, r1, r2, r3, source_port);
		set_v6(destination, l0, l1, l2, l3, port);
	}
}

/* Captured connections reach the daemon's listener and nobody else's. */
inline_always int to_daemon(struct bpf_sk_lookup *ctx)
{
	__u32 index = listener_index(guard.index, ctx->family == AF_INET);
	struct bpf_sock *sk = bpf_map_lookup_elem(&listeners, &index);
	long failed;

	if (!sk)
		return SK_DROP;
	failed = bpf_sk_assign(ctx, sk, 0);
	bpf_sk_release(sk);
	return failed ? SK_DROP : SK_PASS;
}

/*
 * Only what the connect hook sent here, and wrote a record of, is taken. The counter is all that is left of the rest: it may be a late
 * packet of a connection that was, and a process that dials was reported by the connect hooks.
 */
inline_always int judge_captured(struct bpf_sk_lookup *ctx, const struct wide_address *source, const struct wide_address *destination)
{
	if (is_pending(guard.netns, source, destination))
		return to_daemon(ctx);
	count(MYELIN_COUNTER_DENIED_INBOUND);
	return SK_DROP;
}

/* Queries reach the resolver's socket and nobody else's. */
inline_always int to_resolver(struct bpf_sk_lookup *ctx)
{
	__u32 index = listener_index(guard.index, ctx->family == AF_INET);
	struct bpf_sock *sk = bpf_map_lookup_elem(&resolvers, &index);
	long failed;

	if (!sk)
		return SK_DROP;
	failed = bpf_sk_assign(ctx, sk, 0);
	bpf_sk_release(sk);
	return failed ? SK_DROP : SK_PASS;
}

/* Datagrams: the slots of the resolver, and a pod's own loopback. From elsewhere only to what is not meshed. */
inline_always int judge_datagram_in(struct bpf_sk_lookup *ctx, const struct wide_address *source, const struct wide_address *destination)
{
	struct myelin_port_key key = {.port = destination->port, .protocol = IPPROTO_UDP};
	struct target nobody = {0};

	if (is_loopback(destination))
		return destination->port == MYELIN_DNS_PORT ? to_resolver(ctx) : SK_PASS;
	if (is_v6_slot(destination) && ctx->ingress_ifindex == LOOPBACK_IFINDEX)
		return destination->port == MYELIN_DNS_PORT ? to_resolver(ctx) : SK_PASS;
	/* Answers of the resolver; cgroup_skb/ingress sees to it that they come over loopback. */
	if (is_v6_slot(source) && source->port == MYELIN_DNS_PORT)
		return SK_PASS;
	if (guard.node && destination->port != MYELIN_DNS_PORT && !bpf_map_lookup_elem(&node_ports, &key))
		return SK_PASS;
	report_inbound(IPPROTO_UDP, source, destination, &nobody, MYELIN_REASON_UDP);
	return SK_DROP;
}

/* 0 when nothing at this port is meshed. */
inline_always int find_target(const struct wide_address *destination, struct target *target)
{
	if (guard.node) {
		struct myelin_port_key key = {.port = destination->port, .protocol = IPPROTO_TCP};
		struct myelin_port_owner *owner = bpf_map_lookup_elem(&node_ports, &key);

		if (!owner)
			return 0;
		target->workload = owner->workload;
		target->service = owner->service;
		target->permissive = owner->flags & MYELIN_WORKLOAD_PERMISSIVE;
	} else {
		__u32 index = guard.index;
		struct myelin_namespace *space = bpf_map_lookup_elem(&namespaces, &index);

		if (space) {
			target->workload = space->workload;
			target->service = space->service;
			target->permissive = space->flags & MYELIN_NAMESPACE_PERMISSIVE;
		}
	}
	return 1;
}

SEC("sk_lookup")
int inbound(struct bpf_sk_lookup *ctx)
{
	struct wide_address source, destination;
	struct target target = {0};
	struct myelin_flow *voucher;

	read_lookup(ctx, &source, &destination);
	if (ctx->protocol == IPPROTO_UDP)
		return judge_datagram_in(ctx, &source, &destination);
	if (is_loopback(&destination)) {
		if (destination.port == MYELIN_CAPTURE_PORT)
			return judge_captured(ctx, &source, &destination);
		if (!guard.node)
			return SK_PASS;
	}
	if (!find_target(&destination, &target))
		return SK_PASS;
	voucher = find_voucher(guard.netns, &source, &destination);
	/* Refused once by the hook that sees who listens, which cannot reset it: that is made good when the SYN comes again. */
	if (voucher)
		return voucher->flags & MYELIN_FLOW_WRONG_LISTENER ? SK_DROP : SK_PASS;
	report_inbound(IPPROTO_TCP, &source, &destination, &target, MYELIN_REASON_PLAINTEXT);
	return target.permissive ? SK_PASS : SK_DROP;
}
