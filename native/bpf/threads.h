/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Per-thread records, and the slot that a thread is billed to. */
#ifndef KERNSCALE_THREADS_H
#define KERNSCALE_THREADS_H

#include "common.h"

/* Marks `uring_file`: a file registered with the ring, of unknown kind; addresses of requests are even. */
#define URING_REGISTERED 1

/* One cache line. Clock values are nanoseconds of the run-queue clock. */
struct thread {
	__u64 since;         /* start of the present state; 0: the state is not known */
	__u64 flushed_until; /* the present state is flushed up to here; written at read-out, never by sched_switch */
	__u64 run_delay;     /* sched_info.run_delay when the thread blocked */
	__u32 cgroups;       /* lower half of the css_set that `slot` was looked up for */
	__u32 generation;    /* `generation` that `slot` was looked up in */
	__u32 pid;           /* owner of this entry of `thread_table`; 0: free */
	__u32 due_mark;      /* in STATE_EVENTS: the slot's due ticks at its start (due.h), lower half */
	__u16 slot;
	__u8 state;
	__u8 uring_reason; /* blocked reason that the last io_uring request but those of files implies; 0: unknown */
	__u32 uring_file;  /* last io_uring request of a file until it completes (uring.h); 0: none */
	__u16 pod;         /* slot of its pod, while starvation is counted */
	__u8 serving;      /* requests that it has read and that have no response */
	bool served : 1;   /* in its present run on a CPU, it has read or answered a request */
	bool polls_sockets : 1; /* it has waited in an epoll instance that watches sockets */
	__u32 throttle_cfs_rq;  /* lower half of the group's cfs_rq on the CPU it ran on; each CPU has its own clock */
	__u64 throttle_clock;   /* throttle clock of `throttle_cfs_rq` at switch-out */
};

/*
 * Records by the low bits of the pid: two array lookups cost 35 ns less per context switch than two of task storage.
 * Bound: a power of two, 2 MB, the kernel's default pid_max. Where pid_max is larger, two living threads can share an
 * entry; the later one uses `thread_storage`.
 */
#define THREAD_TABLE_SIZE 32768

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* page-aligned: one thread, one cache line */
	__uint(max_entries, THREAD_TABLE_SIZE);
	__type(key, __u32);
	__type(value, struct thread);
} thread_table SEC(".maps");

/* Records of threads whose entry of `thread_table` is taken. Bound: threads of the machine; freed with the thread. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread);
} thread_storage SEC(".maps");

static __always_inline struct thread *thread_table_entry(__u32 pid)
{
	__u32 index = pid & (THREAD_TABLE_SIZE - 1);

	return bpf_map_lookup_elem(&thread_table, &index);
}

static __always_inline struct thread *find_thread(struct task_struct *task)
{
	struct thread *thread = thread_table_entry(task->pid);

	if (thread && thread->pid == (__u32)task->pid)
		return thread;
	return bpf_task_storage_get(&thread_storage, task, NULL, 0);
}

/* Finds or creates a thread's record. `is_new`: the thread has not run yet, so what is found is another's. */
static __always_inline struct thread *make_thread(struct task_struct *task, bool is_new)
{
	struct thread *thread = is_new ? NULL : find_thread(task);
	__u32 pid = task->pid;

	if (thread)
		return thread;
	thread = thread_table_entry(pid);
	if (thread && (thread->pid == pid || !__sync_val_compare_and_swap(&thread->pid, 0, pid))) {
		thread->flushed_until = 0;
		thread->generation = 0;
		thread->uring_reason = 0;
		thread->uring_file = 0;
		thread->serving = 0;
		thread->served = false;
		thread->polls_sockets = false;
		if (is_new)
			thread->since = 0;
		return thread;
	}
	thread = bpf_task_storage_get(&thread_storage, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!thread)
		count_drop(DROP_THREADS_FULL);
	return thread;
}

/* Releases the record at the thread's last switch, because another thread may get its pid. */
static __always_inline void end_thread(struct thread *thread)
{
	thread->since = 0;
	thread->pid = 0;
}

/* True for cgroup2, whose ids identify containers; hierarchies of cgroup v1 may be mounted as well. */
static __always_inline bool is_unified(struct cgroup *cgroup)
{
	return cgroup->root->hierarchy_id == 0;
}

/* Containers are at most five levels below the kubelet's root; kind nests that once more. */
#define MAX_CGROUP_LEVELS 16

static __always_inline __u32 nearest_slot(struct cgroup *group, bool has_type)
{
	struct cgroup_subsys_state *parent;
	struct kernfs_node *node;

	for (int level = 0; level < MAX_CGROUP_LEVELS && group; level++) {
		__u64 id;
		__u32 *slot;

		node = has_type ? group->kn : peek(group, kn);
		id = has_type ? node->id : peek(node, id);
		slot = bpf_map_lookup_elem(&slots, &id);
		if (slot)
			return *slot;
		parent = has_type ? group->self.parent : peek(group, self.parent);
		if (!parent)
			return 0;
		group = has_type ? parent->cgroup : peek(parent, cgroup);
	}
	return 0;
}

/* Slot of the cgroup or of its nearest tracked ancestor, because a container may have child cgroups; 0: untracked. */
static __noinline __u32 find_slot(struct cgroup *group)
{
	return nearest_slot(group, true);
}

/* The same of a pointer that the verifier of 6.1 takes for a number. */
static __noinline __u32 find_slot_by_address(struct cgroup *group)
{
	return nearest_slot(group, false);
}

/* Slot of the outermost tracked cgroup: a container's pod; 0: untracked. */
static __noinline __u32 find_pod(struct cgroup *group)
{
	struct cgroup_subsys_state *parent;
	__u32 pod = 0;

	for (int level = 0; level < MAX_CGROUP_LEVELS && group; level++) {
		__u64 id = group->kn->id;
		__u32 *slot = bpf_map_lookup_elem(&slots, &id);

		if (slot)
			pod = *slot;
		parent = group->self.parent;
		group = parent ? parent->cgroup : NULL;
	}
	return pod;
}

/*
 * Slot that the thread is billed to, cached in its record. A thread keeps a reference to its css_set, so an unchanged
 * pointer is an unchanged cgroup; after a migration the next hook looks the slot up again.
 */
static __always_inline __u32 thread_slot(struct thread *thread, struct task_struct *task)
{
	struct css_set *cgroups = task->cgroups;

	if (thread->cgroups != lower_half(cgroups) || thread->generation != generation) {
		/* The generation first: a change of `slots` during the lookup is then seen by the next hook. */
		thread->generation = generation;
		thread->cgroups = lower_half(cgroups);
		thread->slot = find_slot(cgroups->dfl_cgrp);
		thread->pod = starvation_counted ? find_pod(cgroups->dfl_cgrp) : 0;
	}
	return thread->slot;
}

#endif
