/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Waits for memory: a thread that reclaims it, or that a limit of its cgroup holds up. */
#ifndef KERNSCALE_RECLAIM_H
#define KERNSCALE_RECLAIM_H

#include "common.h"

#define PF_MEMALLOC 0x00000800 /* a user thread has it while it reclaims or compacts memory */
#define TASK_WAKEKILL 0x100    /* the wait ends if the thread is killed */
#define MAX_MEMORY_LEVELS 16   /* of nested cgroups, as in find_slot */

/* Present with CONFIG_PSI; set only while PSI is enabled. */
struct task_struct___memstall {
	unsigned int in_memstall : 1;
} __attribute__((preserve_access_index));

/* Present with CONFIG_MEMCG, since 6.11 with CONFIG_MEMCG_V1 only. */
struct task_struct___memcg_oom {
	void *memcg_in_oom;
} __attribute__((preserve_access_index));

static __always_inline bool in_memstall(struct task_struct *task)
{
	struct task_struct___memstall *stalled = (void *)task;

	return bpf_core_field_exists(stalled->in_memstall) && BPF_CORE_READ_BITFIELD(stalled, in_memstall);
}

/* Under cgroup v1 with the OOM killer switched off, a fault waits until there is memory. */
static __always_inline bool in_memcg_oom(struct task_struct *task)
{
	struct task_struct___memcg_oom *waiting = (void *)task;

	return bpf_core_field_exists(waiting->memcg_in_oom) && waiting->memcg_in_oom;
}

/*
 * True if the thread's cgroup, or one above it, has more memory than its memory.high: the kernel then delays its threads
 * by up to 2 s on their way back from the kernel, and nothing in the thread shows it where PSI is off.
 */
static __noinline bool exceeds_memory_high(struct css_set *cgroups)
{
	struct css_set *at_memory;
	struct mem_cgroup *group;

	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id) ||
	    !bpf_core_type_exists(struct mem_cgroup))
		return false;
	/* The controllers' order depends on the kernel's configuration: moves the array so that memory comes first. */
	at_memory = typed(struct css_set, (__u64)cgroups + bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id) *
								   sizeof(cgroups->subsys[0]));
	/* `css` is the first member of struct mem_cgroup. */
	group = typed(struct mem_cgroup, peek(at_memory, subsys[0]));
	for (int level = 0; level < MAX_MEMORY_LEVELS && group; level++) {
		if ((__u64)peek(group, memory.usage.counter) > peek(group, memory.high))
			return true;
		group = typed(struct mem_cgroup, peek(group, css.parent));
	}
	return false;
}

/* For a thread in an uninterruptible wait. One for a disk is that, also in the course of reclaim. */
static __always_inline bool waits_for_memory(struct task_struct *task, __u32 state)
{
	if (BPF_CORE_READ_BITFIELD(task, in_iowait))
		return false;
	return task->flags & PF_MEMALLOC || in_memstall(task) || in_memcg_oom(task) ||
	       (state & TASK_WAKEKILL && exceeds_memory_high(task->cgroups));
}

#endif
