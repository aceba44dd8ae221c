/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Flush: at every read-out, an iterator over all threads credits in-flight intervals, so that a thread asleep for an
 * hour counts every second of it. It also starts records of threads older than the programs.
 */
#ifndef KERNSCALE_FLUSH_H
#define KERNSCALE_FLUSH_H

#include "reason.h"
#include "states.h"

/* The sched_switch tracepoint fires shortly before the scheduler sets task->on_cpu. */
#define GETTING_ON_CPU_NS 1000000

/* Set by user space once sched_switch is attached: from then on thread states are followed. */
bool switches_seen;

/* Flushed time per slot, read by user space. Bound: containers + 1, set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flushed);
} flushed SEC(".maps");

/* `on_cpu` is an int up to 6.18 and a byte in 7.2: a plain load cannot be relocated from one to the other. */
static __always_inline bool is_on_cpu(struct task_struct *task)
{
	return BPF_CORE_READ_BITFIELD(task, on_cpu);
}

/* Changes at every switch-in and switch-out of the thread. */
static __always_inline __u64 switch_count(struct task_struct *task)
{
	return task->nvcsw + task->nivcsw + task->sched_info.pcount;
}

static __always_inline enum thread_state present_state(struct thread *thread, struct task_struct *task)
{
	if (is_on_cpu(task))
		return STATE_ONCPU;
	if (is_throttled(task))
		return STATE_THROTTLED;
	if (task->sched_info.last_queued)
		return STATE_RUNQUEUE;
	return blocked_reason(task, thread, thread->slot, task->__state);
}

/*
 * Starts the present state of a thread that has no known state. Retries if another CPU switches the thread meanwhile,
 * because what was read is then out of date.
 */
static __always_inline void init_thread_state(struct thread *thread, struct task_struct *task, __u64 now)
{
	const int attempts = 4;
	__u64 switches;

	for (int i = 0; i < attempts; i++) {
		switches = switch_count(task);
		thread->flushed_until = now;
		thread->run_delay = task->sched_info.run_delay;
		save_throttle_clock(thread, task, now);
		begin_state(thread, present_state(thread, task), now);
		barrier();
		if (switch_count(task) == switches)
			return;
	}
}

/*
 * Takes the part of the in-flight interval that is not flushed yet and returns its start; the caller has to credit it.
 * 0 if nothing is left, or if another CPU took it first.
 */
static __always_inline __u64 take_interval(struct thread *thread, __u64 now)
{
	__u64 flushed_until = thread->flushed_until;
	__u64 from = later(thread->since, flushed_until);

	if (now <= from || __sync_val_compare_and_swap(&thread->flushed_until, flushed_until, now) != flushed_until)
		return 0;
	return from;
}

static __always_inline void credit(struct flushed *total, enum thread_state state, __u64 from, __u64 until)
{
	if (until > from)
		__sync_fetch_and_add(&total->total_ns[state], until - from);
}

static __always_inline void flush_thread(struct thread *thread, struct task_struct *task, struct flushed *total,
					 __u64 now)
{
	__u64 began = thread->since;
	__u32 state = thread->state;
	__u64 from, runnable, contending;

	if (state >= NR_STATES)
		return;
	from = take_interval(thread, now);
	if (!from)
		return;
	if (state == STATE_ONCPU && (is_on_cpu(task) || now < began + GETTING_ON_CPU_NS)) {
		credit(total, STATE_ONCPU, from, now);
		return;
	}
	if (state == STATE_ONCPU) {
		/* Its switch-out was missed and cannot be dated: the present state counts from now on. */
		credit(total, STATE_OTHER, from, now);
		count_drop(DROP_SWITCHES_MISSED);
		init_thread_state(thread, task, now);
		return;
	}
	/* The freezer of cgroup v1 changes the state of a blocked thread in place, so that it does not switch. */
	if (task->__state & TASK_FROZEN)
		state = STATE_SLEEP;
	runnable = runnable_from(thread, task, now);
	contending = later(from, contending_from(thread, task, runnable, now));
	runnable = later(from, runnable);
	credit(total, state, from, runnable);
	credit(total, STATE_THROTTLED, runnable, contending);
	credit(total, STATE_RUNQUEUE, contending, now);
}

static __always_inline int flush_task(struct task_struct *task)
{
	struct thread *thread;
	struct flushed *total;
	__u32 slot;

	if (!task || task->exit_state)
		return 0;
	if (!flush_clock)
		flush_clock = runqueue_clock(bpf_get_current_task_btf());
	thread = make_thread(task, false);
	if (!thread)
		return 0;
	/* The slot before any migration: the past belongs to the slot that has counted it so far. */
	slot = thread->slot;
	total = bpf_map_lookup_elem(&flushed, &slot);
	if (total && thread->since)
		flush_thread(thread, task, total, flush_clock);
	thread_slot(thread, task);
	if (switches_seen && !thread->since && task->sched_info.pcount)
		init_thread_state(thread, task, flush_clock);
	return 0;
}

DEFINE_COST(flush_threads);

SEC("iter/task")
int flush_threads(struct bpf_iter__task *ctx)
{
	return timed(flush_threads, flush_task(ctx->task));
}

#endif
