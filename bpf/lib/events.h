/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counters and the event ring. The reader is never woken: it polls (waking it costs the caller 5 us). */
#ifndef MYELIN_EVENTS_H
#define MYELIN_EVENTS_H

#include "address.h"
#include "maps.h"

inline_always void count(__u32 counter)
{
	__u64 *value = bpf_map_lookup_elem(&counters, &counter);

	if (value)
		(*value)++;
}

/* A zeroed event with kind, reason and time, or NULL (counted) when the ring is full. */
inline_always struct myelin_event *begin_event(__u32 kind, __u32 reason)
{
	struct myelin_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event) {
		count(MYELIN_COUNTER_LOST_EVENTS);
		return 0;
	}
	__builtin_memset(event, 0, sizeof(*event));
	event->kind = kind;
	event->reason = reason;
	event->time = bpf_ktime_get_ns();
	return event;
}

inline_always void end_event(struct myelin_event *event) { bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP); }

/* Who was refused: `who` may be NULL for a process that is not known. */
inline_always void report_outbound(__u32 reason, const struct myelin_workload *who, __u64 cgroup, const struct wide_address *destination,
				   __u32 service, __u32 protocol)
{
	struct myelin_event *event;

	count(MYELIN_COUNTER_DENIED_OUTBOUND);
	event = begin_event(MYELIN_EVENT_DENIED_OUTBOUND, reason);
	if (!event)
		return;
	event->cgroup = cgroup;
	if (who) {
		event->source_workload = who->workload;
		event->source_service = who->service;
		event->netns = who->netns;
	}
	event->destination_service = service;
	event->protocol = protocol;
	if (destination) {
		event->destination = destination->value;
		event->dialled = destination->value;
	}
	end_event(event);
}

#endif
