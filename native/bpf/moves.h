/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Threads that go on under another pid, or in another cgroup. */
#ifndef KERNSCALE_MOVES_H
#define KERNSCALE_MOVES_H

#include "scheduler.h"
#include "settle.h"

/*
 * A thread other than the first that starts a new program is given the first one's pid, by which its place is found
 * from then on. What it did between the two, such as wait for the others to end, nobody saw.
 */
static hot void take_along(struct task_struct *task, __u32 old_pid)
{
	__u32 old_place = old_pid & (MAX_PLACES - 1);
	struct thread *before = bpf_map_lookup_elem(&places, &old_place);
	struct thread *thread;
	struct row *row;

	if (!before || before->pid != old_pid)
		return; /* in task storage, which stays */
	thread = make_thread(task, false);
	if (thread) {
		thread->since = before->since;
		thread->settled = before->settled;
		thread->base = before->base;
		thread->quota = before->quota;
		thread->quota_from = before->quota_from;
		thread->state = before->state;
		thread->uring_reason = before->uring_reason;
		row = find_row(thread_slot(thread, task), bpf_get_smp_processor_id());
		if (thread->since && thread->since < task->sched_info.last_arrival)
			arrive_belatedly(row, thread, task);
	}
	end_thread(before);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(sched_process_exec, struct task_struct *task, pid_t old_pid)
{
	if (task->pid != old_pid)
		take_along(task, old_pid);
	return 0;
}

struct move {
	struct list_head *threads, *next; /* of the process; the list does not change meanwhile */
	__u64 now;
	__u32 slot; /* of the new cgroup */
};

/* What is past belongs to the old cgroup. A blocked thread may not run for long, and its slot is not looked up before. */
static hot void change_slot(__u32 pid, const struct move *move)
{
	__u32 place = pid & (MAX_PLACES - 1), state, slot;
	struct thread *thread = bpf_map_lookup_elem(&places, &place);
	struct settled *total;
	__u64 from;

	if (!thread || thread->pid != pid)
		return;
	slot = thread->slot;
	state = thread->state;
	total = bpf_map_lookup_elem(&settled, &slot);
	if (total && thread->since && state < NR_STATES) {
		from = claim_until(thread, move->now);
		if (from)
			credit(total, state, from, move->now);
	}
	thread->slot = move->slot;
}

static long change_slot_of_next(__u32 index, struct move *move)
{
	struct list_head *node = move->next;
	struct task_struct *task = container_of(node, struct task_struct, thread_node);

	if (node == move->threads)
		return 1;
	change_slot(BPF_CORE_READ(task, pid), move);
	move->next = BPF_CORE_READ(node, next);
	return 0;
}

SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(cgroup_attach_task, struct cgroup *cgroup, const char *path, struct task_struct *task, bool all_threads)
{
	struct signal_struct *process = task->signal;
	struct move move = {};

	if (!is_unified(cgroup))
		return 0;
	move.now = runqueue_clock(bpf_get_current_task_btf());
	move.slot = find_slot(cgroup);
	if (!all_threads) {
		change_slot(task->pid, &move);
		return 0;
	}
	move.threads = (void *)process + bpf_core_field_offset(struct signal_struct, thread_head);
	move.next = BPF_CORE_READ(process, thread_head.next);
	bpf_loop(MAX_PLACES, change_slot_of_next, &move, 0);
	return 0;
}

#endif
