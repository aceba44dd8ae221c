/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Starvation: wall time in which at least one thread of a pod waits for a CPU or is out of quota, per CPU, as the
 * kernel's pressure stall information has it (`some` of cpu.pressure). Counted only where a pod has no such file.
 *
 * A wait is known when it ends, at switch-in, so the union of waits is built from intervals in the order of their ends.
 * docs/probes.md shows how far that is.
 */
#ifndef KERNSCALE_STARVATION_H
#define KERNSCALE_STARVATION_H

#include "states.h"

/* [slot of a pod x shard]. Bound: (containers + 1) x shards, set before loading. Read by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* page-aligned: one entry, one cache line */
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct starvation);
} starvation SEC(".maps");

static __always_inline struct starvation *find_starvation(struct thread *thread, __u32 cpu)
{
	__u32 index = shard_index(thread->pod, cpu);

	return starvation_counted && thread->pod ? bpf_map_lookup_elem(&starvation, &index) : NULL;
}

/* Start of the thread's wait. Where the kernel has moved a waiting thread, all of it counts on its last CPU. */
static __always_inline __u64 waits_from(struct thread *thread, struct task_struct *task, __u64 now)
{
	if (thread->state == STATE_RUNQUEUE || thread->state == STATE_THROTTLED)
		return thread->since;
	return task->sched_info.last_queued ?: now;
}

/*
 * Adds a wait that has ended to the union. A wait that began before the newest block of waits fills the gap before that
 * block too; of older gaps nothing is known, so the union is never too large.
 */
static __always_inline void count_wait_for_cpu(struct thread *thread, struct task_struct *task, __u64 until, __u32 cpu)
{
	struct starvation *pod = find_starvation(thread, cpu);
	__u64 from = waits_from(thread, task, until), covered;

	if (!pod || until <= from)
		return;
	covered = pod->until;
	if (from > covered) {
		pod->gap = covered;
		pod->from = from;
		add_to(pod->waited_ns, until - from);
	} else {
		add_to(pod->waited_ns, elapsed(covered, until));
		if (from < pod->from) {
			from = later(from, pod->gap);
			add_to(pod->waited_ns, elapsed(from, pod->from));
			pod->from = from;
		}
	}
	pod->until = later(covered, until);
}

static __always_inline void count_run(struct thread *thread, __u64 from, __u64 until, __u32 cpu)
{
	struct starvation *pod = find_starvation(thread, cpu);

	if (pod)
		add_to(pod->ran_ns, elapsed(from, until));
}

/* Notes an in-flight wait or run at read-out, which user space adds to the union. */
static __always_inline void note_in_flight(struct thread *thread, struct task_struct *task, __u64 now)
{
	struct starvation *pod = find_starvation(thread, task->se.cfs_rq->rq->cpu);
	bool waits = thread->state != STATE_ONCPU;
	__u64 from = waits ? waits_from(thread, task, now) : thread->since;

	if (!pod || from >= now)
		return;
	if (pod->read_at != now) {
		pod->waiting_from = now;
		pod->running_from = now;
		pod->read_at = now;
	}
	if (waits && from < pod->waiting_from)
		pod->waiting_from = from;
	else if (!waits && from < pod->running_from)
		pod->running_from = from;
}

#endif
