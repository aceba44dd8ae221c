/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Every instant of every thread: on a CPU, waiting for one, out of quota, or blocked for a reason.
 *
 * One program on sched_switch sees both ends of every state; there is no hook on wake-ups, because the kernel
 * itself notes when a thread became runnable (sched_info, kept for /proc/PID/schedstat). Intervals that are not
 * finished are credited by an iterator over all threads that user space runs before it reads:
 * see docs/probes.md for why.
 */
#ifndef KERNSCALE_SCHEDULER_H
#define KERNSCALE_SCHEDULER_H

#include "reason.h"
#include "states.h"

#define TASK_DEAD 0x80

static hot void arrive(struct row *row, struct thread *thread, struct task_struct *task, __u64 now)
{
	__u32 state = thread->state;
	__u64 runnable, contending;

	if (thread->since) {
		runnable = runnable_from(thread, task, now);
		contending = contending_from(thread, task, runnable, now);
		if (state == STATE_ONCPU || state >= NR_STATES) {
			count_drop(DROP_SWITCHES_MISSED);
			state = STATE_OTHER;
		}
		if (state != STATE_RUNQUEUE)
			finish(row, state, thread->since, thread->settled, runnable);
		if (contending > runnable)
			finish(row, STATE_THROTTLED, runnable, thread->settled, contending);
	} else {
		/* Its first run: it has been waiting since it was created. */
		contending = task->sched_info.last_queued ?: now;
	}
	finish(row, STATE_RUNQUEUE, contending, thread->settled, now);
	begin(thread, STATE_ONCPU, now);
}

/*
 * Kernels may keep some switches from tracing programs (a program that is running already, a task that is exempt).
 * A thread that got its CPU unseen is repaired: the kernel noted when.
 */
static __noinline void arrive_belatedly(struct row *row, struct thread *thread, struct task_struct *task)
{
	count_drop(DROP_SWITCHES_MISSED);
	if (row && thread && task)
		arrive(row, thread, task, later(thread->since, task->sched_info.last_arrival));
}

static hot void leave_cpu(struct task_struct *task, bool preempted, __u32 task_state, __u64 now, __u32 cpu)
{
	struct thread *thread = find_thread(task);
	struct row *row;
	__u32 slot;

	if (!thread)
		return;
	slot = thread_slot(thread, task);
	row = find_row(slot, cpu);
	if (row && thread->since) {
		if (thread->state != STATE_ONCPU)
			arrive_belatedly(row, thread, task);
		finish(row, STATE_ONCPU, thread->since, thread->settled, now);
	}

	if (task_state & TASK_DEAD) {
		end_thread(thread);
	} else {
		if (waits_may_be_throttled())
			remember_quota(thread, task, now);
		if (!preempted && task_state) {
			thread->base = task->sched_info.run_delay;
			begin(thread, reason_of(task, thread, slot, task_state), now);
		} else if (is_throttled(task)) {
			remember_quota(thread, task, now);
			begin(thread, STATE_THROTTLED, now);
		} else {
			begin(thread, STATE_RUNQUEUE, now);
		}
	}
}

static hot void enter_cpu(struct task_struct *task, __u64 now, __u32 cpu)
{
	struct thread *thread = find_thread(task);
	struct row *row;

	if (!thread)
		return;
	row = find_row(thread_slot(thread, task), cpu);
	if (row)
		arrive(row, thread, task, now);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next, unsigned int prev_state)
{
	__u64 now = runqueue_clock(next);
	__u32 cpu = bpf_get_smp_processor_id();

	/* Every CPU's idle task has pid 0. */
	if (prev->pid)
		leave_cpu(prev, preempt, prev_state, now, cpu);
	if (next->pid)
		enter_cpu(next, now, cpu);
	return 0;
}

/* Threads get their place here, not in sched_switch, where allocating is slow and, before 6.4, unsafe. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	make_thread(child, true);
	return 0;
}

#endif
