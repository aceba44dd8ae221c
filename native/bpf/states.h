/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* A thread's present state, and what a finished one adds to the counters. */
#ifndef KERNSCALE_STATES_H
#define KERNSCALE_STATES_H

#include "threads.h"

/* Not in every kernel: CONFIG_CFS_BANDWIDTH; per-task throttling came in 6.18, the group's clock in 6.6. */
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
 * The clock of the run queue a task is on, which the scheduler has just refreshed when it switches: the clock
 * that sched_info is kept in, and three loads where bpf_ktime_get_ns is a clock read. Tasks of every class have
 * a cfs_rq.
 */
static hot __u64 runqueue_clock(struct task_struct *task)
{
	return task->se.cfs_rq->rq->clock;
}

static hot __u64 later(__u64 a, __u64 b)
{
	return a > b ? a : b;
}

/* What lies after `from` of an interval ending at `until`; clocks of two CPUs may differ a little. */
static hot __u64 since(__u64 from, __u64 until)
{
	return until > from ? until - from : 0;
}

/* One finished interval [from, until) of which all up to `credited` is in the settled map already. */
static hot void finish(struct row *row, enum thread_state state, __u64 from, __u64 credited, __u64 until)
{
	struct series *series = &row->states[state];
	__u64 length = since(from, until);

	add_to(series->total_ns, since(later(from, credited), until));
	add_to(series->sum_ns, length);
	add_to(series->buckets[time_bucket(length)], 1);
}

static hot bool is_throttled(struct task_struct *task)
{
	struct task_struct___per_task_throttle *per_task = (void *)task;
	struct cfs_rq___throttle_count *group;

	if (bpf_core_field_exists(per_task->throttled))
		return per_task->throttled;
	group = (void *)task->se.cfs_rq;
	return bpf_core_field_exists(group->throttle_count) && group->throttle_count > 0;
}

static hot bool has_throttle_clock(void)
{
	struct cfs_rq___throttle_clock *group = NULL;

	return bpf_core_field_exists(group->throttled_clock_self_time);
}

/* How long the thread's group has been throttled on its CPU, ever. */
static hot __u64 throttle_clock(struct task_struct *task, __u64 now)
{
	struct cfs_rq___throttle_clock *group = (void *)task->se.cfs_rq;
	__u64 began;

	if (!has_throttle_clock())
		return 0;
	began = group->throttled_clock_self;
	return group->throttled_clock_self_time + (began ? since(began, now) : 0);
}

static hot void remember_quota(struct thread *thread, struct task_struct *task, __u64 now)
{
	thread->quota = throttle_clock(task, now);
	thread->quota_from = (__u64)task->se.cfs_rq;
}

/* How long its group has been throttled since; 0 as well if it has come to another CPU. */
static hot __u64 throttled_since(struct thread *thread, struct task_struct *task, __u64 now)
{
	return thread->quota_from == (__u64)task->se.cfs_rq ? since(thread->quota, throttle_clock(task, now)) : 0;
}

/*
 * Where a group is throttled as a whole, before 6.18, a thread may be left waiting, or be woken, while it is: that
 * much of its wait is not the run queue's.
 */
static hot bool waits_may_be_throttled(void)
{
	struct task_struct___per_task_throttle *per_task = NULL;

	return has_throttle_clock() && !bpf_core_field_exists(per_task->throttled);
}

/* From when on a wait that began at `runnable` is one for a CPU. */
static hot __u64 contending_from(struct thread *thread, struct task_struct *task, __u64 runnable, __u64 now)
{
	__u64 throttled;

	if (!waits_may_be_throttled() || thread->state == STATE_THROTTLED)
		return runnable;
	throttled = throttled_since(thread, task, now);
	return throttled < since(runnable, now) ? runnable + throttled : later(runnable, now);
}

/*
 * When a thread that is off the CPU became, or will count as having become, a candidate for it. Waits that a
 * migration cut short are in run_delay; the current one started at last_queued.
 */
static hot __u64 runnable_from(struct thread *thread, struct task_struct *task, __u64 now)
{
	__u64 queued = task->sched_info.last_queued;
	__u64 waited;

	switch (thread->state) {
	case STATE_RUNQUEUE:
		return thread->since;
	case STATE_ONCPU: /* it left unseen */
		return queued > thread->since ? queued : now;
	case STATE_THROTTLED:
		/* Without a clock, and on another CPU, whose clock is not its own: all along. */
		if (!has_throttle_clock() || thread->quota_from != (__u64)task->se.cfs_rq)
			return now;
		waited = throttled_since(thread, task, now);
		return waited < since(thread->since, now) ? thread->since + waited : now;
	default:
		waited = since(thread->base, task->sched_info.run_delay) + (queued ? since(queued, now) : 0);
		return waited < since(thread->since, now) ? now - waited : thread->since;
	}
}

static hot void begin(struct thread *thread, enum thread_state state, __u64 now)
{
	thread->state = state;
	thread->since = now;
}

#endif
