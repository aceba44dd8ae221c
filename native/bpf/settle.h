/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Unfinished intervals, credited at every read by an iterator over all threads; threads that are older than the
 * probe are taken on by it.
 */
#ifndef KERNSCALE_SETTLE_H
#define KERNSCALE_SETTLE_H

#include "reason.h"
#include "states.h"

/* The tracepoint comes a moment before task->on_cpu. */
#define GETTING_ON_CPU_NS 1000000

/* Set once sched_switch is attached: from then on the states of threads are known. */
bool switches_seen;

/* Unfinished time per slot. Bound: containers + 1, set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct settled);
} settled SEC(".maps");

/* An int up to 6.18 and a byte in 7.2: a plain load cannot be relocated from the one to the other. */
static hot bool is_on_cpu(struct task_struct *task)
{
	return BPF_CORE_READ_BITFIELD(task, on_cpu);
}

/* Changes whenever the thread gets or leaves a CPU. */
static hot __u64 switches_of(struct task_struct *task)
{
	return task->nvcsw + task->nivcsw + task->sched_info.pcount;
}

static hot enum thread_state present_state(struct thread *thread, struct task_struct *task)
{
	if (is_on_cpu(task))
		return STATE_ONCPU;
	if (is_throttled(task))
		return STATE_THROTTLED;
	if (task->sched_info.last_queued)
		return STATE_RUNQUEUE;
	return reason_of(task, thread, thread->slot, task->__state);
}

/*
 * A thread that ran before the probe did: its present state counts from now on. The thread may be switched
 * meanwhile on another CPU, which then knows better: in that case look again.
 */
static hot void adopt(struct thread *thread, struct task_struct *task, __u64 now)
{
	const int attempts = 4;
	__u64 switches;

	for (int i = 0; i < attempts; i++) {
		switches = switches_of(task);
		thread->settled = now;
		thread->base = task->sched_info.run_delay;
		remember_quota(thread, task, now);
		begin(thread, present_state(thread, task), now);
		barrier();
		if (switches_of(task) == switches)
			return;
	}
}

/* From where on the present state is not credited yet; whoever claims it has to. 0: nothing is left to credit. */
static hot __u64 claim_until(struct thread *thread, __u64 now)
{
	__u64 settled = thread->settled;
	__u64 from = later(thread->since, settled);

	if (now <= from || __sync_val_compare_and_swap(&thread->settled, settled, now) != settled)
		return 0;
	return from;
}

static hot void credit(struct settled *total, enum thread_state state, __u64 from, __u64 until)
{
	if (until > from)
		__sync_fetch_and_add(&total->total_ns[state], until - from);
}

static hot void settle_thread(struct thread *thread, struct task_struct *task, struct settled *total, __u64 now)
{
	__u64 began = thread->since;
	__u32 state = thread->state;
	__u64 from, runnable, contending;

	if (state >= NR_STATES)
		return;
	from = claim_until(thread, now);
	if (!from)
		return;
	if (state == STATE_ONCPU && (is_on_cpu(task) || now < began + GETTING_ON_CPU_NS)) {
		credit(total, STATE_ONCPU, from, now);
		return;
	}
	if (state == STATE_ONCPU) {
		/* It left unseen, who knows when: what it does now counts from now on. */
		credit(total, STATE_OTHER, from, now);
		count_drop(DROP_SWITCHES_MISSED);
		adopt(thread, task, now);
		return;
	}
	runnable = runnable_from(thread, task, now);
	contending = later(from, contending_from(thread, task, runnable, now));
	runnable = later(from, runnable);
	credit(total, state, from, runnable);
	credit(total, STATE_THROTTLED, runnable, contending);
	credit(total, STATE_RUNQUEUE, contending, now);
}

static hot int settle_task(struct task_struct *task)
{
	struct thread *thread;
	struct settled *total;
	__u32 slot;

	if (!task || task->exit_state)
		return 0;
	if (!settle_clock)
		settle_clock = runqueue_clock(bpf_get_current_task_btf());
	thread = make_thread(task, false);
	if (!thread)
		return 0;
	/* Before the slot is looked up anew: what is past belongs to the slot that counted it so far. */
	slot = thread->slot;
	total = bpf_map_lookup_elem(&settled, &slot);
	if (total && thread->since)
		settle_thread(thread, task, total, settle_clock);
	thread_slot(thread, task);
	if (switches_seen && !thread->since && task->sched_info.pcount)
		adopt(thread, task, settle_clock);
	return 0;
}

COUNT_COST_OF(settle);

SEC("iter/task")
int settle(struct bpf_iter__task *ctx)
{
	return timed(settle, settle_task(ctx->task));
}

#endif
