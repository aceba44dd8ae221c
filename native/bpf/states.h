/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Intervals of thread states: when they begin and end, and how they are counted. */
#ifndef KERNSCALE_STATES_H
#define KERNSCALE_STATES_H

#include "due.h"
#include "threads.h"

/* Present with CONFIG_CFS_BANDWIDTH only: per-task throttling since 6.18, the group's throttle clock since 6.6. */
struct task_struct___per_task_throttle {
	bool throttled;
} __attribute__((preserve_access_index));

struct cfs_rq___throttle_count {
	int throttle_count;
} __attribute__((preserve_access_index));

struct cfs_rq___throttle_clock {
	__u64 throttled_clock_self;
	__u64 throttled_clock_self_time;
} __attribute__((preserve_access_index));

/*
 * Clock of the task's run queue, which the scheduler refreshes right before a switch. sched_info is in this clock, and
 * it takes three loads where bpf_ktime_get_ns reads a clock. Tasks of every scheduling class have a cfs_rq.
 */
static __always_inline __u64 runqueue_clock(struct task_struct *task)
{
	return task->se.cfs_rq->rq->clock;
}

static __always_inline __u64 later(__u64 a, __u64 b)
{
	return a > b ? a : b;
}

/* 0 rather than negative: the clocks of two CPUs differ slightly. */
static __always_inline __u64 elapsed(__u64 from, __u64 until)
{
	return until > from ? until - from : 0;
}

static __always_inline bool is_serving(struct thread *thread)
{
	return thread->serving || thread->served;
}

/* The same interval, of a thread that serves a request. */
static __noinline void add_serving(struct shard *shard, struct thread *thread, enum thread_state state, __u64 from,
				   __u64 until)
{
	if (shard && thread && state < NR_STATES)
		add_to(shard->serving_ns[state], elapsed(later(from, thread->flushed_until), until));
}

/* Counts a finished interval [from, until), of which everything up to `flushed_until` is in `flushed` already. */
static __always_inline void add_interval(struct shard *shard, struct thread *thread, enum thread_state state,
					 __u64 from, __u64 until)
{
	struct time_histogram *histogram = &shard->histograms[state];
	__u64 length = elapsed(from, until), total = elapsed(later(from, thread->flushed_until), until);

	if (state == STATE_THROTTLED) {
		add_to(shard->throttled_ns, total);
		return;
	}
	add_to(histogram->total_ns, total);
	add_to(histogram->sum_ns, length);
	add_to(histogram->buckets[time_bucket(length)], 1);
}

static __always_inline bool is_throttled(struct task_struct *task)
{
	struct task_struct___per_task_throttle *per_task = (void *)task;
	struct cfs_rq___throttle_count *group;

	if (bpf_core_field_exists(per_task->throttled))
		return per_task->throttled;
	group = (void *)task->se.cfs_rq;
	return bpf_core_field_exists(group->throttle_count) && group->throttle_count > 0;
}

static __always_inline bool has_throttle_clock(void)
{
	struct cfs_rq___throttle_clock *group = NULL;

	return bpf_core_field_exists(group->throttled_clock_self_time);
}

/* Total time for which the thread's group has been throttled on its CPU. */
static __always_inline __u64 throttle_clock(struct task_struct *task, __u64 now)
{
	struct cfs_rq___throttle_clock *group = (void *)task->se.cfs_rq;
	__u64 began;

	if (!has_throttle_clock())
		return 0;
	began = group->throttled_clock_self;
	return group->throttled_clock_self_time + (began ? elapsed(began, now) : 0);
}

static __always_inline void save_throttle_clock(struct thread *thread, struct task_struct *task, __u64 now)
{
	thread->throttle_clock = throttle_clock(task, now);
	thread->throttle_cfs_rq = lower_half(task->se.cfs_rq);
}

/* Throttled time of the thread's group since switch-out; 0 if the thread has changed CPUs, whose clocks differ. */
static __always_inline __u64 throttled_since(struct thread *thread, struct task_struct *task, __u64 now)
{
	return thread->throttle_cfs_rq == lower_half(task->se.cfs_rq) ?
		       elapsed(thread->throttle_clock, throttle_clock(task, now)) :
		       0;
}

/*
 * True before 6.18, where a group is throttled as a whole: a thread may be preempted or woken while its group is
 * throttled, and that part of its wait is not for a CPU.
 */
static __always_inline bool waits_may_be_throttled(void)
{
	struct task_struct___per_task_throttle *per_task = NULL;

	return has_throttle_clock() && !bpf_core_field_exists(per_task->throttled);
}

/* Start of the part of a wait, begun at `runnable`, that is for a CPU rather than for quota. */
static __always_inline __u64 contending_from(struct thread *thread, struct task_struct *task, __u64 runnable, __u64 now)
{
	__u64 throttled;

	if (!waits_may_be_throttled() || thread->state == STATE_THROTTLED)
		return runnable;
	throttled = throttled_since(thread, task, now);
	return throttled < elapsed(runnable, now) ? runnable + throttled : later(runnable, now);
}

/*
 * Time at which a thread off the CPU became runnable, or `now` if it still is not. Waits that a change of CPU cut short
 * are in run_delay; the current one started at last_queued.
 */
static __always_inline __u64 runnable_from(struct thread *thread, struct task_struct *task, __u64 now)
{
	__u64 queued = task->sched_info.last_queued;
	__u64 waited;

	switch (thread->state) {
	case STATE_RUNQUEUE:
		return thread->since;
	case STATE_ONCPU: /* its switch-out was missed */
		return queued > thread->since ? queued : now;
	case STATE_THROTTLED:
		/* Without a comparable throttle clock, the whole interval counts as throttled. */
		if (!has_throttle_clock() || thread->throttle_cfs_rq != lower_half(task->se.cfs_rq))
			return now;
		waited = throttled_since(thread, task, now);
		return waited < elapsed(thread->since, now) ? thread->since + waited : now;
	default:
		waited = elapsed(thread->run_delay, task->sched_info.run_delay) + (queued ? elapsed(queued, now) : 0);
		return waited < elapsed(thread->since, now) ? now - waited : thread->since;
	}
}

static __always_inline void begin_state(struct thread *thread, __u8 state, __u64 now)
{
	if (state == STATE_EVENTS)
		thread->due_mark = due_until(thread->slot, ticks_of_runqueue(now));
	thread->state = state;
	thread->since = now;
}

/* The part of a wait, `length` long, for which something was due. */
static __always_inline __u64 due_part(__u64 ticks, __u64 length)
{
	__u64 ns = ticks << TICK_SHIFT;

	return ns < length ? ns : length;
}

/* Counts a finished wait for events: as two intervals where something was due for a part of it. */
static __always_inline void add_events_interval(struct shard *shard, struct thread *thread, __u64 until)
{
	__u64 from = thread->since, flushed_until = thread->flushed_until;
	__u64 ticks = due_until(thread->slot, ticks_of_runqueue(until));
	__u64 length = elapsed(from, until), left = elapsed(later(from, flushed_until), until);
	__u64 network = due_part((__u32)(ticks - thread->due_mark), length), network_left = network;
	struct flushed *total;
	__u32 slot = thread->slot;

	if (flushed_until > from) {
		total = bpf_map_lookup_elem(&flushed, &slot);
		network_left = total ? due_part(elapsed(total->due_ticks, ticks), left) : 0;
	}
	add_to(shard->histograms[STATE_NETWORK].total_ns, network_left);
	add_to(shard->histograms[STATE_IDLE].total_ns, left - network_left);
	if (is_serving(thread) && network_left)
		add_to(shard->serving_ns[STATE_NETWORK], network_left);
	if (network) {
		add_to(shard->histograms[STATE_NETWORK].sum_ns, network);
		add_to(shard->histograms[STATE_NETWORK].buckets[time_bucket(network)], 1);
	}
	if (network < length || !length) {
		add_to(shard->histograms[STATE_IDLE].sum_ns, length - network);
		add_to(shard->histograms[STATE_IDLE].buckets[time_bucket(length - network)], 1);
	}
}

#endif
