/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What each program costs, measured by itself: the kernel's own statistics of programs need CAP_SYS_ADMIN, which the
 * exporter does not have. Off but for short bursts; a program then pays for one look at the flag.
 */
#ifndef KERNSCALE_TIMING_H
#define KERNSCALE_TIMING_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "layout.h"

/* Raised by user space for the length of a burst. Beside `generation`, which the hot path reads anyhow. */
bool timing SEC(".data");

/* In a section of their own, where user space finds them by the program's name. */
#define COUNT_COST_OF(program) __u64 cost_##program[COST_WORDS] SEC(".data.costs") __attribute__((aligned(64)))

static __always_inline __u64 start_watch(void)
{
	__u64 before, now;

	if (!timing)
		return 0;
	before = bpf_ktime_get_ns();
	now = bpf_ktime_get_ns();
	/* What the look at the clock took that will end the measurement. */
	return now + (now - before);
}

static __always_inline void stop_watch(__u64 started, __u64 *cost)
{
	if (!started)
		return;
	__sync_fetch_and_add(&cost[COST_RUNS], 1);
	__sync_fetch_and_add(&cost[COST_NANOSECONDS], bpf_ktime_get_ns() - started);
}

#define timed(program, work)                               \
	({                                                 \
		__u64 started = start_watch();             \
		int result = (work);                       \
                                                           \
		stop_watch(started, cost_##program);       \
		result;                                    \
	})

/* libbpf's, timed: no program of this object can be forgotten. */
#undef BPF_PROG
#define BPF_PROG(name, args...)                                                    \
	name(unsigned long long *ctx);                                             \
	COUNT_COST_OF(name);                                                       \
	static __always_inline int ____##name(unsigned long long *ctx, ##args);    \
	int name(unsigned long long *ctx)                                          \
	{                                                                          \
		_Pragma("GCC diagnostic push")                                     \
		_Pragma("GCC diagnostic ignored \"-Wint-conversion\"")             \
		return timed(name, ____##name(___bpf_ctx_cast(args)));             \
		_Pragma("GCC diagnostic pop")                                      \
	}                                                                          \
	static __always_inline int ____##name(unsigned long long *ctx, ##args)

#endif
