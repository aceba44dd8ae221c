/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Maps, configuration and helpers that every probe shares. */
#ifndef KERNSCALE_COMMON_H
#define KERNSCALE_COMMON_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_endian.h>

#include "layout.h"
#include "timing.h"

#define hot __always_inline

/* Set by user space before loading; the verifier then drops the branches not taken. */
const volatile __u32 shards = 1;             /* rows per slot: 1 .. 8, a power of two when shared */
const volatile bool shards_shared = false;   /* several CPUs write one row: additions must be atomic */
const volatile __u16 ephemeral_low = 32768;  /* our own net.ipv4.ip_local_port_range; for unknown kernels */

/* Raised by user space after every change of `slots`: cached slots of an older generation are looked up anew. */
__u32 generation = 1;
__u64 drops[NR_DROPS];

/* The run-queue clock to which the iterator last settled every thread; 0 starts a new pass. */
__u64 settle_clock;

/* cgroup id -> slot. Bound: the containers tracked at once, set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u32);
} slots SEC(".maps");

/* [slot x shard], slot 0 being everything untracked. Bound: (containers + 1) x shards, set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct row);
} rows SEC(".maps");

/* Requests sent on client connections and not answered yet. Bound: containers + 1, set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __s64);
} outstanding SEC(".maps");

/* Block requests submitted by the container and not completed. Bound: containers + 1, set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __s64);
} block_requests SEC(".maps");

bool block_requests_counted; /* set by the first one */

static hot void count_drop(enum drop cause)
{
	__sync_fetch_and_add(&drops[cause], 1);
}

static hot struct row *find_row(__u32 slot, __u32 cpu)
{
	__u32 shard = shards_shared ? cpu & (shards - 1) : cpu;
	__u32 index = slot * shards + shard;

	return bpf_map_lookup_elem(&rows, &index);
}

/* The verifier forbids arithmetic on pointers to kernel objects, but not on half of one. */
static hot __u64 lower_half(const void *pointer)
{
	__u64 half;

	asm volatile("r1 = %[pointer]; w1 = w1; %[half] = r1" : [half] "=r"(half) : [pointer] "r"(pointer) : "r1");
	return half;
}

/* Only the sched_switch program writes a CPU's scheduler series, with interrupts off. */
#define add_to(counter, value)                                             \
	do {                                                               \
		if (shards_shared)                                         \
			__sync_fetch_and_add(&(counter), (value));         \
		else                                                       \
			(counter) += (value);                              \
	} while (0)

/* A bound that the compiler knows already, kept for the verifier, which does not. */
#define AT_MOST(value, limit)                                       \
	({                                                          \
		barrier_var(value);                                 \
		(value) < (limit) ? (value) : (limit);              \
	})

/* By a de Bruijn sequence: where intervals vary, the branches of a search would be guessed wrong. 0 for 0. */
static hot __u32 log2_floor(__u32 value)
{
	static const __u8 logarithms[32] = {
		0, 9, 1, 10, 13, 21, 2, 29, 11, 14, 16, 18, 22, 25, 3, 30,
		8, 12, 20, 28, 15, 17, 24, 7, 19, 27, 23, 6, 26, 5, 4, 31,
	};

	value |= value >> 1;
	value |= value >> 2;
	value |= value >> 4;
	value |= value >> 8;
	value |= value >> 16;
	return logarithms[(__u32)(value * 0x07c4acddU) >> 27];
}

/* floor(10^9 * 2^exp): an integer number of nanoseconds is <= 2^exp s just when it is <= this. */
#define BOUND(exp) ((1000000000ULL << TIME_MAX_EXP) >> (TIME_MAX_EXP - (exp)))

static const __u64 time_bounds_ns[32] = {
	BOUND(-20), BOUND(-19), BOUND(-18), BOUND(-17), BOUND(-16), BOUND(-15), BOUND(-14), BOUND(-13), BOUND(-12),
	BOUND(-11), BOUND(-10), BOUND(-9),  BOUND(-8),  BOUND(-7),  BOUND(-6),  BOUND(-5),  BOUND(-4),  BOUND(-3),
	BOUND(-2),  BOUND(-1),  BOUND(0),   BOUND(1),   BOUND(2),   BOUND(3),   BOUND(4),   BOUND(5),   BOUND(6),
};

/*
 * The bucket with the smallest upper bound that is not below the value, exactly, and without a division or a branch
 * that depends on it: 10^9 lies between 2^29 and 2^30, so floor(log2(ns)) leaves two candidates and a comparison picks.
 */
static hot __u32 time_bucket(__u64 ns)
{
	const __u32 below = 29 + TIME_MIN_EXP; /* log2 of the nanoseconds that the first bound could start with */
	const __u32 last = NR_TIME_BUCKETS - 1;
	__u32 guess, bucket;

	if (ns > time_bounds_ns[TIME_MAX_EXP - TIME_MIN_EXP])
		return last;
	guess = log2_floor(ns >> below);
	bucket = guess + ((time_bounds_ns[guess & 31] - ns) >> 63);
	return AT_MOST(bucket, last);
}

static hot __u32 size_bucket(__u32 bytes)
{
	const __u32 last = NR_SIZE_BUCKETS - 1;
	__u32 bucket;

	if (bytes <= 1U << SIZE_MIN_EXP)
		return 0;
	bucket = log2_floor(bytes - 1) + 1 - SIZE_MIN_EXP;
	return AT_MOST(bucket, last);
}

#endif
