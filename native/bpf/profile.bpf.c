// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * The stack sampler: samples stacks of a few containers on request. It is an object of its own, which is loaded only if
 * profiles are enabled. User space has dropped its capabilities when a profile is requested, so these programs also read
 * the memory mappings of other users' processes and the names of kernel addresses.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "profile.h"

const volatile __u64 page_size = 4096;

/* Cgroups to sample: the containers of one pod. User space rejects more. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_PROFILED);
	__type(key, __u64);
	__type(value, __u32);
} profiled SEC(".maps");

/* Samples that user space has not taken yet. Its bound grows with the number of CPUs; `lost` counts drops. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 128 * 1024);
} samples SEC(".maps");

/* A sample is larger than a BPF program's stack. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stack_sample);
} scratch SEC(".maps");

/* Kernel addresses for list_names; 0: none. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_ADDRESSES);
	__type(key, __u32);
	__type(value, __u64);
} addresses SEC(".maps");

__u64 runs;
__u64 lost;

/* Input and output of name_address. */
__u64 address;
char name[MAX_KERNEL_NAME];

/* Returns the innermost profiled cgroup that contains the thread, or 0. */
static __always_inline __u64 profiled_cgroup(struct task_struct *task)
{
	/* Containers sit at most five levels below the kubelet's root, and kind nests that once more. */
	const int max_levels = 16;
	struct cgroup *group = task->cgroups->dfl_cgrp;
	struct cgroup_subsys_state *parent;

	for (int level = 0; level < max_levels && group; level++) {
		__u64 id = group->kn->id;

		if (bpf_map_lookup_elem(&profiled, &id))
			return id;
		parent = group->self.parent;
		group = parent ? parent->cgroup : NULL;
	}
	return 0;
}

/* Returns the size of a stack in bytes; the verifier needs the bound. A stack that cannot be walked is empty. */
static __always_inline __u32 stack_bytes(long got)
{
	const __u32 bound = MAX_FRAMES * sizeof(__u64);

	if (got < 0)
		return 0;
	return got > bound ? bound : got;
}

SEC("perf_event")
int sample_stack(struct bpf_perf_event_data *ctx)
{
	const __u32 first = 0, stack_size = MAX_FRAMES * sizeof(__u64);
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 pid = bpf_get_current_pid_tgid();
	struct stack_sample *sample;
	__u32 kernel, user;
	__u64 cgroup;

	__sync_fetch_and_add(&runs, 1);
	if (!pid)
		return 0;
	cgroup = profiled_cgroup(task);
	if (!cgroup)
		return 0;
	sample = bpf_map_lookup_elem(&scratch, &first);
	if (!sample)
		return 0;
	sample->cgroup = cgroup;
	sample->pid = bpf_get_current_pid_tgid() >> 32;
	sample->tid = pid;
	bpf_get_current_comm(sample->comm, sizeof(sample->comm));
	kernel = stack_bytes(bpf_get_stack(ctx, sample->frames, stack_size, 0));
	user = stack_bytes(bpf_get_stack(ctx, (void *)sample->frames + kernel, stack_size, BPF_F_USER_STACK));
	sample->kernel_frames = kernel / sizeof(__u64);
	sample->user_frames = user / sizeof(__u64);
	if (bpf_ringbuf_output(&samples, sample, __builtin_offsetof(struct stack_sample, frames) + kernel + user,
			       BPF_RB_NO_WAKEUP))
		__sync_fetch_and_add(&lost, 1);
	return 0;
}

/* /proc/PID/maps of another user's process needs CAP_SYS_PTRACE; this iterator was attached before it was dropped. */
SEC("iter/task_vma")
int list_mappings(struct bpf_iter__task_vma *ctx)
{
	const unsigned long executable = 0x4; /* VM_EXEC */
	struct task_struct *task = ctx->task;
	struct vm_area_struct *vma = ctx->vma;
	struct seq_file *seq = ctx->meta->seq;
	struct mapping mapping = {};
	static char path[MAX_MAPPED_PATH];
	struct file *file;
	long size = 0;

	if (!task || !vma || !(vma->vm_flags & executable) || !profiled_cgroup(task))
		return 0;
	mapping.start = vma->vm_start;
	mapping.end = vma->vm_end;
	mapping.pid = task->tgid;
	file = vma->vm_file;
	if (file) {
		mapping.offset = vma->vm_pgoff * page_size;
		mapping.inode = file->f_inode->i_ino;
		mapping.device = file->f_inode->i_sb->s_dev;
		size = bpf_d_path((struct path *)&file->f_path, path, sizeof(path));
	}
	if (size < 0 || size > (long)sizeof(path))
		size = 0;
	mapping.path_size = size;
	bpf_seq_write(seq, &mapping, sizeof(mapping));
	if (size > 0)
		bpf_seq_write(seq, path, size);
	return 0;
}

/* /proc/kallsyms hides addresses without CAP_SYSLOG. Neither %ps nor a run of this program needs a capability (5.14+). */
SEC("syscall")
int name_address(void *ctx)
{
	return BPF_SNPRINTF(name, sizeof(name), "%ps", address);
}

/* Fallback of name_address: writes a line per address. */
SEC("iter/bpf_map_elem")
int list_names(struct bpf_iter__bpf_map_elem *ctx)
{
	__u64 *value = ctx->value;

	if (value && *value)
		BPF_SEQ_PRINTF(ctx->meta->seq, "%ps\n", *value);
	return 0;
}

/* Puts types that only user space names into the object's type information, from which ../layout.ts is generated. */
const union layout_types {
	struct mapping mapping;
	enum profile_bound bound;
} *layout_types;

char LICENSE[] SEC("license") = "GPL";
