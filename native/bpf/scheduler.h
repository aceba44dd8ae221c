/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The scheduler probe: every instant of every thread in one state, on a CPU, waiting for one, out of quota, or blocked
 * for a reason.
 *
 * One program on sched_switch sees both ends of every state. Nothing is attached to wake-ups, because the kernel itself
 * records when a thread became runnable (sched_info, kept for /proc/PID/schedstat). In-flight intervals are credited
 * by flush_threads, which user space runs before it reads. docs/probes.md explains why.
 */
#ifndef KERNSCALE_SCHEDULER_H
#define KERNSCALE_SCHEDULER_H

#include "flush.h"
#include "reason.h"
#include "starvation.h"
#include "states.h"

#define TASK_DEAD 0x80

/* Counts the states that end as the thread gets a CPU. */
static __always_inline void switch_in(struct shard *shard, struct thread *thread, struct task_struct *task, __u64 now)
{
	__u32 state = thread->state;
	__u64 runnable = now, contending;

	if (thread->since) {
		runnable = runnable_from(thread, task, now);
		contending = contending_from(thread, task, runnable, now);
		if (state == STATE_ONCPU || state > STATE_EVENTS) {
			count_drop(DROP_SWITCHES_MISSED);
			state = STATE_OTHER;
		}
		if (state == STATE_EVENTS)
			add_events_interval(shard, thread, runnable);
		else if (state != STATE_RUNQUEUE)
			add_interval(shard, thread, state, thread->since, runnable);
		if (contending > runnable)
			add_interval(shard, thread, STATE_THROTTLED, runnable, contending);
	} else {
		/* First run: the thread has been waiting since it was created. */
		contending = task->sched_info.last_queued ?: now;
	}
	add_interval(shard, thread, STATE_RUNQUEUE, contending, now);
	if (thread->serving && thread->since) {
		if (state != STATE_RUNQUEUE)
			add_serving(shard, thread, state, thread->since, runnable);
		add_serving(shard, thread, STATE_THROTTLED, runnable, contending);
		add_serving(shard, thread, STATE_RUNQUEUE, contending, now);
	}
	begin_state(thread, STATE_ONCPU, now);
}

/*
 * Repairs a missed switch-in from the time that the kernel recorded for it. Kernels hide some switches from tracing
 * programs: while a program is running already, or for an exempt task.
 */
static __noinline void repair_switch_in(struct shard *shard, struct thread *thread, struct task_struct *task)
{
	count_drop(DROP_SWITCHES_MISSED);
	if (shard && thread && task)
		switch_in(shard, thread, task, later(thread->since, task->sched_info.last_arrival));
}

static __always_inline void block(struct thread *thread, struct task_struct *task, __u32 slot, __u8 reason, __u64 now)
{
	if (thread->serving && waits_for_request(task, slot, reason))
		thread->serving = 0;
	begin_state(thread, reason, now);
}

static __always_inline void on_switch_out(struct task_struct *task, bool preempted, __u32 task_state, __u64 now,
					  __u32 cpu)
{
	struct thread *thread = find_thread(task);
	struct shard *shard;
	__u32 slot;

	if (!thread)
		return;
	slot = thread_slot(thread, task);
	shard = find_shard(slot, cpu);
	if (shard && thread->since) {
		if (thread->state != STATE_ONCPU)
			repair_switch_in(shard, thread, task);
		add_interval(shard, thread, STATE_ONCPU, thread->since, now);
		if (is_serving(thread))
			add_serving(shard, thread, STATE_ONCPU, thread->since, now);
		count_run(thread, thread->since, now, cpu);
	}
	thread->served = false;

	if (task_state & TASK_DEAD) {
		end_thread(thread);
	} else {
		if (waits_may_be_throttled())
			save_throttle_clock(thread, task, now);
		if (!preempted && task_state) {
			thread->run_delay = task->sched_info.run_delay;
			block(thread, task, slot, blocked_reason(task, thread, slot, task_state), now);
		} else if (is_throttled(task)) {
			save_throttle_clock(thread, task, now);
			begin_state(thread, STATE_THROTTLED, now);
		} else {
			begin_state(thread, STATE_RUNQUEUE, now);
		}
	}
}

static __always_inline void on_switch_in(struct task_struct *task, __u64 now, __u32 cpu)
{
	struct thread *thread = find_thread(task);
	struct shard *shard;

	if (!thread)
		return;
	shard = find_shard(thread_slot(thread, task), cpu);
	if (!shard)
		return;
	count_wait_for_cpu(thread, task, now, cpu);
	switch_in(shard, thread, task, now);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next, unsigned int prev_state)
{
	__u64 now = runqueue_clock(next);
	__u32 cpu = bpf_get_smp_processor_id();

	/* Every CPU's idle task has pid 0. */
	if (prev->pid)
		on_switch_out(prev, preempt, prev_state, now, cpu);
	if (next->pid)
		on_switch_in(next, now, cpu);
	return 0;
}

/*
 * Creates a thread's record here, because allocation in sched_switch is slow and, before 6.4, unsafe. Unlike
 * sched_process_fork, this tracepoint also shows the threads that the kernel adds to a process (io_uring, vhost).
 */
SEC("tp_btf/task_newtask")
int BPF_PROG(task_newtask, struct task_struct *task)
{
	make_thread(task, true);
	return 0;
}

/*
 * Moves a thread's record to its new pid: a thread that is not its process's first gets the first one's pid on exec.
 * The state since the last switch, such as the wait for the other threads to end, is repaired if it was missed.
 */
static __always_inline void rekey_thread(struct task_struct *task, __u32 old_pid)
{
	struct thread *before = thread_table_entry(old_pid);
	struct thread *thread;
	struct shard *shard;

	if (!before || before->pid != old_pid)
		return; /* task storage, which stays with the task */
	thread = make_thread(task, false);
	if (thread) {
		thread->since = before->since;
		thread->flushed_until = before->flushed_until;
		thread->run_delay = before->run_delay;
		thread->throttle_clock = before->throttle_clock;
		thread->throttle_cfs_rq = before->throttle_cfs_rq;
		thread->state = before->state;
		thread->uring_reason = before->uring_reason;
		thread->uring_file = before->uring_file;
		shard = find_shard(thread_slot(thread, task), bpf_get_smp_processor_id());
		if (thread->since && thread->since < task->sched_info.last_arrival)
			repair_switch_in(shard, thread, task);
	}
	end_thread(before);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(sched_process_exec, struct task_struct *task, pid_t old_pid)
{
	if (task->pid != old_pid)
		rekey_thread(task, old_pid);
	return 0;
}

/* Migration of a process's threads to another cgroup; its thread list does not change meanwhile. */
struct migration {
	struct list_head *threads, *next;
	__u64 now;
	__u32 slot; /* of the destination cgroup */
};

/* Flushes a thread to the slot it leaves: a blocked thread may not run, and look up its slot, for a long time. */
static __always_inline void migrate_thread(__u32 pid, const struct migration *migration)
{
	struct thread *thread = thread_table_entry(pid);
	struct flushed *total;
	__u32 state, slot;
	__u64 from;

	if (!thread || thread->pid != pid)
		return;
	slot = thread->slot;
	state = thread->state;
	total = bpf_map_lookup_elem(&flushed, &slot);
	if (total && thread->since && state <= STATE_EVENTS) {
		from = take_interval(thread, migration->now);
		if (from && state == STATE_EVENTS)
			credit(total, STATE_IDLE, from, migration->now, false);
		else if (from)
			credit(total, state, from, migration->now, is_serving(thread));
	}
	thread->slot = migration->slot;
}

static long migrate_next_thread(__u32 index, struct migration *migration)
{
	struct list_head *node = migration->next;
	struct task_struct *task =
		typed(struct task_struct, (__u64)node - bpf_core_field_offset(struct task_struct, thread_node));

	if (node == migration->threads)
		return 1;
	migrate_thread(peek(task, pid), migration);
	migration->next = peek(task, thread_node.next);
	return 0;
}

SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(cgroup_attach_task, struct cgroup *cgroup, const char *path, struct task_struct *task, bool all_threads)
{
	struct signal_struct *process = task->signal;
	struct migration migration = {};

	if (!is_unified(cgroup))
		return 0;
	migration.now = runqueue_clock(bpf_get_current_task_btf());
	migration.slot = find_slot(cgroup);
	if (!all_threads) {
		migrate_thread(task->pid, &migration);
		return 0;
	}
	migration.threads = (void *)process + bpf_core_field_offset(struct signal_struct, thread_head);
	migration.next = process->thread_head.next;
	bpf_loop(THREAD_TABLE_SIZE, migrate_next_thread, &migration, 0);
	return 0;
}

#endif
