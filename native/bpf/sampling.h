/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Where CPU time goes: one look at the instruction pointer, 99 times a second on each CPU. */
#ifndef KERNSCALE_SAMPLING_H
#define KERNSCALE_SAMPLING_H

#include "common.h"
#include "threads.h"

static hot int count_sample(struct bpf_perf_event_data *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread;
	struct row *row;

	if (!task->pid)
		return 0;
	thread = find_thread(task);
	if (!thread)
		return 0;
	row = find_row(thread_slot(thread, task), bpf_get_smp_processor_id());
	if (!row)
		return 0;
	/* The kernel lives in the upper half of the address space, on x86-64 and arm64 alike. */
	if ((__s64)PT_REGS_IP(&ctx->regs) < 0)
		add_to(row->samples_kernel, 1);
	else
		add_to(row->samples_user, 1);
	return 0;
}

COUNT_COST_OF(sample);

SEC("perf_event")
int sample(struct bpf_perf_event_data *ctx)
{
	return timed(sample, count_sample(ctx));
}

#endif
