/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Flush: at every read-out, an iterator over all threads credits in-flight intervals, so that a thread asleep for an
 * hour counts every second of it. It also starts records of threads older than the programs.
 */
#ifndef KERNSCALE_FLUSH_H
#define KERNSCALE_FLUSH_H

#include "reason.h"
#include "starvation.h"
#include "states.h"
#include "survey.h"

/* The sched_switch tracepoint fires shortly before the scheduler sets task->on_cpu. */
#define GETTING_ON_CPU_NS 1000000

/* Set by user space once sched_switch is attached: from then on thread states are followed. */
bool switches_seen;

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

static __always_inline __u8 present_state(struct thread *thread, struct task_struct *task)
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

static __always_inline void credit(struct flushed *total, enum thread_state state, __u64 from, __u64 until,
				   bool serving)
{
	if (until <= from)
		return;
	__sync_fetch_and_add(&total->total_ns[state], until - from);
	if (serving)
		__sync_fetch_and_add(&total->serving_ns[state], until - from);
}

/*
 * Start of the run of a thread whose switch-in was missed since it left its CPU at `began`; `now` if it is off the CPU.
 * A thread on its way out is still on its CPU, but arrived there before. repair_switch_in splits the interval alike.
 */
static __always_inline __u64 run_start(struct task_struct *task, __u64 began, __u64 now)
{
	__u64 arrived = task->sched_info.last_arrival;

	return is_on_cpu(task) && arrived > began && arrived < now ? arrived : now;
}

/* Credits a wait for events, of which `total` holds how much was due up to this pass and up to the one before. */
static __always_inline void credit_events(struct thread *thread, struct flushed *total, __u64 from, __u64 until)
{
	bool flushed_before = from > thread->since;
	__u64 ticks = flushed_before ? elapsed(total->due_before, total->due_ticks) :
				       (__u32)(total->due_ticks - thread->due_mark);
	__u64 network = due_part(ticks, elapsed(from, until));

	credit(total, STATE_NETWORK, from, from + network, is_serving(thread));
	credit(total, STATE_IDLE, from + network, until, false);
}

/* Brings the slot's due time to this pass. */
static __always_inline void flush_due(struct flushed *total, __u32 slot)
{
	if (total->pass == flush_clock)
		return;
	total->pass = flush_clock;
	total->due_before = total->due_ticks;
	total->due_ticks = due_until(slot, ticks_of_runqueue(flush_clock));
}

static __always_inline void flush_thread(struct thread *thread, struct task_struct *task, struct flushed *total,
					 __u64 now)
{
	__u64 began = thread->since;
	__u32 state = thread->state;
	__u64 from, runnable, contending, until;
	bool serving = is_serving(thread);

	if (state > STATE_EVENTS)
		return;
	from = take_interval(thread, now);
	if (!from)
		return;
	if (state == STATE_ONCPU && (is_on_cpu(task) || now < began + GETTING_ON_CPU_NS)) {
		credit(total, STATE_ONCPU, from, now, serving);
		note_in_flight(thread, task, now);
		return;
	}
	if (state == STATE_ONCPU) {
		/* Its switch-out was missed and cannot be dated: the present state counts from now on. */
		credit(total, STATE_OTHER, from, now, serving);
		count_drop(DROP_SWITCHES_MISSED);
		init_thread_state(thread, task, now);
		return;
	}
	/* The freezer of cgroup v1 changes the state of a blocked thread in place, so that it does not switch. */
	if (task->__state & TASK_FROZEN)
		state = STATE_SLEEP;
	until = run_start(task, began, now);
	runnable = runnable_from(thread, task, until);
	contending = later(from, contending_from(thread, task, runnable, until));
	note_in_flight(thread, task, now);
	runnable = later(from, runnable);
	if (state == STATE_EVENTS)
		credit_events(thread, total, from, runnable);
	else
		credit(total, state, from, runnable, serving);
	credit(total, STATE_THROTTLED, runnable, contending, serving);
	credit(total, STATE_RUNQUEUE, contending, until, serving);
	credit(total, STATE_ONCPU, later(from, until), now, serving);
}

static __always_inline int flush_task(struct task_struct *task)
{
	struct thread *thread;
	struct flushed *total;
	__u32 slot;

	if (!task)
		return survey_connections(); /* the iterator's last call */
	if (task->exit_state)
		return 0;
	if (!flush_clock) {
		flush_clock = runqueue_clock(bpf_get_current_task_btf());
		clock_offset = bpf_ktime_get_ns() - flush_clock;
	}
	thread = make_thread(task, false);
	if (!thread)
		return 0;
	/* The slot before any migration: the past belongs to the slot that has counted it so far. */
	slot = thread->slot;
	total = bpf_map_lookup_elem(&flushed, &slot);
	if (total)
		flush_due(total, slot);
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
