/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* What is known of each thread, and who pays for it. */
#ifndef KERNSCALE_THREADS_H
#define KERNSCALE_THREADS_H

#include "common.h"

/* One cache line. */
struct thread {
	__u64 since;   /* run-queue clock when the present state began; 0: no state known */
	__u64 settled; /* up to here the present state is credited in the settled map; never written by a switch */
	__u64 base;    /* blocked: run_delay at switch-out */
	__u64 cgroups; /* css_set that `slot` was looked up for */
	__u32 generation;
	__u32 pid; /* whose place this is in `places`; 0: nobody's */
	__u16 slot;
	__u8 state;
	__u8 uring_reason; /* state that waiting for the last io_uring request submitted means; 0: unknown */
	__u32 reserved;
	__u64 quota;      /* the group's throttle clock on its CPU at switch-out */
	__u64 quota_from; /* the cfs_rq whose clock that is: each CPU has its own */
};

/*
 * Threads by the low bits of their pid: two array look-ups cost 35 ns less per context switch than two of task
 * storage. Bound: a power of two, 2 MB. As many as there are pids on a machine with the kernel's default pid_max;
 * where more pids are allowed, two living threads may want one place, and the later one gets task storage.
 */
#define MAX_PLACES 32768

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* page-aligned: one thread, one cache line */
	__uint(max_entries, MAX_PLACES);
	__type(key, __u32);
	__type(value, struct thread);
} places SEC(".maps");

/* Freed by the kernel with the thread. Bound: the threads of the machine. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread);
} threads SEC(".maps");

static hot struct thread *place_of(struct task_struct *task)
{
	__u32 place = task->pid & (MAX_PLACES - 1);

	return bpf_map_lookup_elem(&places, &place);
}

static hot struct thread *find_thread(struct task_struct *task)
{
	struct thread *thread = place_of(task);

	if (thread && thread->pid == (__u32)task->pid)
		return thread;
	return bpf_task_storage_get(&threads, task, NULL, 0);
}

/* Before a thread's first run, or when it is first met. */
static hot struct thread *make_thread(struct task_struct *task, bool is_new)
{
	struct thread *thread = is_new ? NULL : find_thread(task);
	__u32 pid = task->pid;

	if (thread)
		return thread;
	thread = place_of(task);
	if (thread && (thread->pid == pid || !__sync_val_compare_and_swap(&thread->pid, 0, pid))) {
		thread->settled = 0;
		thread->generation = 0;
		thread->uring_reason = 0;
		if (is_new)
			thread->since = 0;
		return thread;
	}
	thread = bpf_task_storage_get(&threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!thread)
		count_drop(DROP_THREADS_FULL);
	return thread;
}

/* Its last switch: the pid may be another thread's soon. */
static hot void end_thread(struct thread *thread)
{
	thread->since = 0;
	thread->pid = 0;
}

/* Of cgroup2, by whose ids containers are known; several hierarchies of v1 may lie beside it. */
static hot bool is_unified(struct cgroup *cgroup)
{
	return cgroup->root->hierarchy_id == 0;
}

/* The slot of the cgroup, or of the nearest ancestor that has one: a container may have child cgroups. */
static __noinline __u32 find_slot(struct cgroup *group)
{
	/* Containers sit at most five levels below the kubelet's root, and kind nests that once more. */
	const int max_levels = 16;

	for (int level = 0; level < max_levels && group; level++) {
		__u64 id = BPF_CORE_READ(group, kn, id);
		__u32 *slot = bpf_map_lookup_elem(&slots, &id);

		if (slot)
			return *slot;
		/* `self` is the first member of struct cgroup, so a parent's css is a parent cgroup. */
		group = (struct cgroup *)BPF_CORE_READ(group, self.parent);
	}
	return 0;
}

/*
 * The slot that pays for this thread. A thread keeps its css_set alive, so an unchanged pointer is an
 * unchanged cgroup; a thread that was moved is looked up again by whatever hook sees it first.
 */
static hot __u32 thread_slot(struct thread *thread, struct task_struct *task)
{
	struct css_set *cgroups = task->cgroups;

	if (thread->cgroups != (__u64)cgroups || thread->generation != generation) {
		/* In this order: a change of `slots` in between is seen by the next hook. */
		thread->generation = generation;
		thread->cgroups = (__u64)cgroups;
		thread->slot = find_slot(BPF_CORE_READ(cgroups, dfl_cgrp));
	}
	return thread->slot;
}

#endif
