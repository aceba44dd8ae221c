/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Time for which a container's requests are due: at least one of its client connections waits for a response, or is
 * being established. A thread that waits for events of many files waits for a peer for as much of its sleep as
 * something was due, whoever sent it and whenever; the rest of it waits for work.
 */
#ifndef KERNSCALE_DUE_H
#define KERNSCALE_DUE_H

#include "common.h"

/* Thread state of a wait for events of many files: at its end it becomes `network` for as long as something was due. */
#define STATE_EVENTS NR_STATES

/* A tick is 2^10 ns: times are shifted, because a division costs more than all the rest. */
#define TICK_SHIFT 10
#define DUE_COUNT_BITS 24
#define DUE_COUNT_MASK ((1ULL << DUE_COUNT_BITS) - 1)

/*
 * `state` holds the number of connections on which something is due and, above it, since when the number is not 0: one
 * word, so that whoever ends the interval adds its length, once. Clock: CLOCK_MONOTONIC, as that of TCP sockets.
 */
struct due {
	__u64 state;
	__u64 ticks; /* of all intervals that have ended, up to `until` */
	__u64 until; /* may lie ahead: see lease_due */
};

/* Bound: containers + 1, set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct due);
} due SEC(".maps");

/* CLOCK_MONOTONIC less the run queue's clock, measured at every flush: the two drift by microseconds in between. */
__u64 clock_offset;

static __always_inline __u64 ticks_of_us(__u64 microseconds)
{
	return microseconds * 1000 >> TICK_SHIFT;
}

static __always_inline __u64 ticks_of_runqueue(__u64 clock)
{
	return (clock + clock_offset) >> TICK_SHIFT;
}

/* Ticks since a time of which `state` has kept the lower bits; 0 if it lies ahead. */
static __always_inline __u64 due_since(__u64 state, __u64 now)
{
	__s64 since = (now << DUE_COUNT_BITS) - (state & ~DUE_COUNT_MASK);

	return since > 0 ? (__u64)since >> DUE_COUNT_BITS : 0;
}

/* One connection more, or less, on which something is due. */
static __always_inline void add_due(__u32 slot, __s32 change, __u64 now)
{
	const int attempts = 8; /* each fails only when another CPU has succeeded in between */
	struct due *total = bpf_map_lookup_elem(&due, &slot);
	__u64 before, after, count;

	if (!total)
		return;
	for (int i = 0; i < attempts; i++) {
		before = total->state;
		count = before & DUE_COUNT_MASK;
		if (change < 0 && !count)
			return; /* a slot that was reused has started from zero */
		after = count ? before + change : ((now > total->until ? now : total->until) << DUE_COUNT_BITS) + 1;
		if (__sync_val_compare_and_swap(&total->state, before, after) != before)
			continue;
		if (count != 1 || change > 0)
			return;
		if (total->until > now)
			now = total->until;
		__sync_fetch_and_add(&total->ticks, due_since(before, now));
		total->until = now;
		return;
	}
}

/* Something is due at least until a time ahead, on a connection that counts at present. */
static __always_inline void lease_due(__u32 slot, __u64 until)
{
	struct due *total = bpf_map_lookup_elem(&due, &slot);

	if (total && total->until < until)
		total->until = until;
}

/* True while something is due. */
static __always_inline bool is_due(__u32 slot)
{
	struct due *total = bpf_map_lookup_elem(&due, &slot);

	return total && total->state & DUE_COUNT_MASK;
}

/* Total time up to `now` for which something was due. */
static __always_inline __u64 due_until(__u32 slot, __u64 now)
{
	struct due *total = bpf_map_lookup_elem(&due, &slot);
	__u64 state, open, ahead;

	if (!total)
		return 0;
	state = total->state;
	open = state & DUE_COUNT_MASK ? due_since(state, now) : 0;
	if (open)
		return total->ticks + open;
	ahead = total->until > now ? total->until - now : 0;
	return total->ticks - (ahead < total->ticks ? ahead : total->ticks);
}

#endif
