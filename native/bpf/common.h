/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Configuration, maps and helpers that all programs share. */
#ifndef KERNSCALE_COMMON_H
#define KERNSCALE_COMMON_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_endian.h>

#include "layout.h"

/* Written by user space before loading, so that the verifier removes the branches not taken. */
const volatile __u32 shards = 1;            /* shards per slot: 1 to 8, a power of two when CPUs share them */
const volatile bool shards_shared = false;  /* several CPUs write one shard: additions must be atomic */
const volatile __u16 ephemeral_low = 32768; /* the host's net.ipv4.ip_local_port_range, for kernels of unknown layout */

/* Incremented by user space after every change of `slots`: slots cached in an older generation are looked up again. */
__u32 generation = 1;

/* Set by user space once a pod has no cpu.pressure to read; the generation changes with it. */
bool starvation_counted SEC(".data");

/* Dropped observations by cause, since load. Written by all programs, read by user space. */
__u64 drops[NR_DROPS];

/* Run-queue clock up to which flush_threads credited every thread last; user space writes 0 before each pass. */
__u64 flush_clock;

/* Cgroup id -> slot. Bound: tracked containers, set before loading. Written by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u32);
} slots SEC(".maps");

/* [slot x shard]; slot 0 is everything untracked. Bound: (containers + 1) x shards, set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct shard);
} counters SEC(".maps");

/* Block requests in flight, per slot of their submitter. Bound: containers + 1, set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __s64);
} block_requests SEC(".maps");

/* Flushed time per slot, read by user space. Bound: containers + 1, set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flushed);
} flushed SEC(".maps");

bool block_requests_counted; /* set by the first block request: the block I/O probe is loaded */

static __always_inline void count_drop(enum drop cause)
{
	__sync_fetch_and_add(&drops[cause], 1);
}

static __always_inline __u32 shard_index(__u32 slot, __u32 cpu)
{
	return slot * shards + (shards_shared ? cpu & (shards - 1) : cpu);
}

static __always_inline struct shard *find_shard(__u32 slot, __u32 cpu)
{
	__u32 index = shard_index(slot, cpu);

	return bpf_map_lookup_elem(&counters, &index);
}

/* A plain addition suffices where only sched_switch writes, with interrupts off, and the CPU has a shard of its own. */
#define add_to(counter, value)                                     \
	do {                                                       \
		if (shards_shared)                                 \
			__sync_fetch_and_add(&(counter), (value)); \
		else                                               \
			(counter) += (value);                      \
	} while (0)

extern void *bpf_rdonly_cast(const void *object, __u32 type) __ksym __weak;

/*
 * Reads of kernel memory. From a program's argument, members are followed by plain loads, which the verifier types.
 * Where the type is lost (a void pointer, an integer), `typed` gives it back and `peek` reads one member: by a typed
 * load (2 ns) where the kernel has bpf_rdonly_cast (6.2, a35b9af4ec2c), elsewhere by a helper call (15 ns), which
 * lockdown=confidentiality refuses. The verifier removes the branch that this kernel cannot take.
 * The value of the inner statement expression has the member's type without its qualifiers.
 */
#define typed(type, pointer)                                                                                  \
	((type *)(bpf_rdonly_cast ? bpf_rdonly_cast((const void *)(pointer), bpf_core_type_id_kernel(type)) : \
				    (void *)(pointer)))
#define peek(pointer, member)                                          \
	({                                                             \
		typeof(({ (pointer)->member; })) value__;              \
                                                                       \
		if (bpf_rdonly_cast)                                   \
			value__ = (pointer)->member;                   \
		else                                                   \
			BPF_CORE_READ_INTO(&value__, pointer, member); \
		value__;                                               \
	})

#define peek_bits(pointer, member) \
	(bpf_rdonly_cast ? BPF_CORE_READ_BITFIELD((pointer), member) : BPF_CORE_READ_BITFIELD_PROBED((pointer), member))

/* Any kernel struct that begins with bytes gives the verifier the type of one. */
#define peek_byte(address) peek(typed(struct new_utsname, address), sysname[0])

/* The verifier forbids arithmetic on pointers to kernel objects, but not on their lower half. */
static __always_inline __u64 lower_half(const void *pointer)
{
	__u64 half;

	asm volatile("r1 = %[pointer]; w1 = w1; %[half] = r1" : [half] "=r"(half) : [pointer] "r"(pointer) : "r1");
	return half;
}

/* Clamps a value for the verifier where the compiler, which knows the limit already, would drop the check. */
#define AT_MOST(value, limit)                          \
	({                                             \
		barrier_var(value);                    \
		(value) < (limit) ? (value) : (limit); \
	})

/* By a de Bruijn sequence: the branches of a search mispredict where intervals vary. Returns 0 for 0. */
static __always_inline __u32 log2_floor(__u32 value)
{
	static const __u8 logarithms[32] = {
		0, 9,  1,  10, 13, 21, 2,  29, 11, 14, 16, 18, 22, 25, 3, 30,
		8, 12, 20, 28, 15, 17, 24, 7,  19, 27, 23, 6,  26, 5,  4, 31,
	};

	value |= value >> 1;
	value |= value >> 2;
	value |= value >> 4;
	value |= value >> 8;
	value |= value >> 16;
	return logarithms[(__u32)(value * 0x07c4acddU) >> 27];
}

/* floor(10^9 * 2^exp): an integer number of nanoseconds is <= 2^exp s exactly when it is <= this. */
#define BOUND(exp) ((1000000000ULL << TIME_MAX_EXP) >> (TIME_MAX_EXP - (exp)))

static const __u64 time_bounds_ns[32] = {
	BOUND(-20), BOUND(-19), BOUND(-18), BOUND(-17), BOUND(-16), BOUND(-15), BOUND(-14), BOUND(-13), BOUND(-12),
	BOUND(-11), BOUND(-10), BOUND(-9),  BOUND(-8),  BOUND(-7),  BOUND(-6),  BOUND(-5),  BOUND(-4),  BOUND(-3),
	BOUND(-2),  BOUND(-1),  BOUND(0),   BOUND(1),   BOUND(2),   BOUND(3),   BOUND(4),   BOUND(5),   BOUND(6),
};

/*
 * Index of the bucket with the smallest upper bound >= the value, exact, without a division or a branch that depends
 * on the value: 10^9 lies between 2^29 and 2^30, so floor(log2(ns)) leaves two candidates and one comparison decides.
 */
static __always_inline __u32 time_bucket(__u64 ns)
{
	const __u32 below = 29 + TIME_MIN_EXP; /* floor(log2) of the first upper bound in nanoseconds */
	const __u32 last = NR_TIME_BUCKETS - 1;
	__u32 guess, bucket;

	if (ns > time_bounds_ns[TIME_MAX_EXP - TIME_MIN_EXP])
		return last;
	guess = log2_floor(ns >> below);
	bucket = guess + ((time_bounds_ns[guess & 31] - ns) >> 63);
	return AT_MOST(bucket, last);
}

static __always_inline __u32 size_bucket(__u32 bytes)
{
	const __u32 last = NR_SIZE_BUCKETS - 1;
	__u32 bucket;

	if (bytes <= 1U << SIZE_MIN_EXP)
		return 0;
	bucket = log2_floor(bytes - 1) + 1 - SIZE_MIN_EXP;
	return AT_MOST(bucket, last);
}

/*
 * Each program's run time, measured by itself: the kernel's own BPF statistics need CAP_SYS_ADMIN, which the exporter
 * does not have. Off except for short bursts; a program then pays for one load of the flag.
 *
 * Written by user space. In .data, beside `generation`, which sched_switch reads anyway.
 */
bool timing_enabled SEC(".data");

/* In a section of their own, where user space finds them by the program's name. */
#define DEFINE_COST(program) __u64 cost_##program[COST_WORDS] SEC(".data.costs") __attribute__((aligned(64)))

static __always_inline __u64 start_timing(void)
{
	__u64 before, now;

	if (!timing_enabled)
		return 0;
	before = bpf_ktime_get_ns();
	now = bpf_ktime_get_ns();
	/* Later by the cost of the clock read that will end the measurement. */
	return now + (now - before);
}

static __always_inline void stop_timing(__u64 started, __u64 *cost)
{
	if (!started)
		return;
	__sync_fetch_and_add(&cost[COST_RUNS], 1);
	__sync_fetch_and_add(&cost[COST_NANOSECONDS], bpf_ktime_get_ns() - started);
}

#define timed(program, work)                          \
	({                                            \
		__u64 started = start_timing();       \
		int result = (work);                  \
                                                      \
		stop_timing(started, cost_##program); \
		result;                               \
	})

/* libbpf's BPF_PROG plus timing, so that no program of this object can be left untimed. */
/* clang-format off */
#undef BPF_PROG
#define BPF_PROG(name, args...)                                                 \
	name(unsigned long long *ctx);                                          \
	DEFINE_COST(name);                                                      \
	static __always_inline int ____##name(unsigned long long *ctx, ##args); \
	int name(unsigned long long *ctx)                                       \
	{                                                                       \
		_Pragma("GCC diagnostic push")                                  \
		_Pragma("GCC diagnostic ignored \"-Wint-conversion\"")          \
		return timed(name, ____##name(___bpf_ctx_cast(args)));          \
		_Pragma("GCC diagnostic pop")                                   \
	}                                                                       \
	static __always_inline int ____##name(unsigned long long *ctx, ##args)
/* clang-format on */

#endif
