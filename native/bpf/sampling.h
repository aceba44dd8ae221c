/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The sampling probe: user or kernel mode of the running thread, on every CPU at a fixed frequency (99 Hz). */
#ifndef KERNSCALE_SAMPLING_H
#define KERNSCALE_SAMPLING_H

#include "threads.h"

static __always_inline int count_sample(struct bpf_perf_event_data *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread;
	struct shard *shard;

	if (!task->pid)
		return 0;
	thread = find_thread(task);
	if (!thread)
		return 0;
	shard = find_shard(thread_slot(thread, task), bpf_get_smp_processor_id());
	if (!shard)
		return 0;
	/* The kernel is in the upper half of the address space, on x86-64 and arm64 alike. */
	if ((__s64)PT_REGS_IP(&ctx->regs) < 0)
		add_to(shard->scalars[SCALAR_SAMPLES_KERNEL], 1);
	else
		add_to(shard->scalars[SCALAR_SAMPLES_USER], 1);
	return 0;
}

DEFINE_COST(sample);

SEC("perf_event")
int sample(struct bpf_perf_event_data *ctx)
{
	return timed(sample, count_sample(ctx));
}

#endif
