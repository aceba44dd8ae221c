/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* What the kernel side writes and the user side reads: the one place where both agree on memory. */
#ifndef KERNSCALE_LAYOUT_H
#define KERNSCALE_LAYOUT_H

/* In the order of STATES in ../types.ts. */
enum thread_state {
	STATE_ONCPU,
	STATE_RUNQUEUE,
	STATE_THROTTLED,
	STATE_DISK,
	STATE_NETWORK,
	STATE_LOCK,
	STATE_IPC,
	STATE_SLEEP,
	STATE_IDLE,
	STATE_OTHER,
	NR_STATES,
};

/*
 * Upper bounds 2^-20 s (954 ns) to 2^6 s (64 s), then +Inf. Powers of two of a second, so that the bounds are
 * those of a Prometheus native histogram of schema 0.
 */
#define TIME_MIN_EXP (-20)
#define TIME_MAX_EXP 6
#define NR_TIME_BUCKETS (TIME_MAX_EXP - TIME_MIN_EXP + 2)

/* Upper bounds 2^9 (one sector) to 2^26 bytes (64 MiB), then +Inf. */
#define SIZE_MIN_EXP 9
#define SIZE_MAX_EXP 26
#define NR_SIZE_BUCKETS (SIZE_MAX_EXP - SIZE_MIN_EXP + 2)

/*
 * Time in one state: 128 bytes, two cache lines, so that one transition touches two lines and no more.
 * `total_ns` grows by what the settling iterator has not credited yet, `sum_ns` by whole finished intervals.
 * Bucket counters are 32 bits wide: user space reads often enough to see each wrap.
 */
struct series {
	unsigned long long total_ns;
	unsigned long long sum_ns;
	unsigned int buckets[NR_TIME_BUCKETS];
};

/* One container's row on one shard (one CPU, or several on large machines). */
struct row {
	struct series states[NR_STATES];
	struct series tcp_serve;
	unsigned long long samples_user;
	unsigned long long samples_kernel;
	unsigned long long tcp_serve_overlapped;
	unsigned long long reserved[5]; /* rounds the row up to whole cache lines: no false sharing */
};

/* Unfinished time credited by the settling iterator; only one reader runs it at a time. */
struct settled {
	unsigned long long total_ns[NR_STATES];
};

/* In the order of BLOCK_OPS in ../types.ts. */
enum block_op { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD, NR_BLOCK_OPS };

/*
 * What entries of a pool (pool.h) begin with; the key follows `use`, and its first word is the slot. `use` is 0 for
 * one that is free, and otherwise a number that no other entry ever had, or ENTRY_RETIRED.
 */
struct entry {
	unsigned int use;
	unsigned int slot;
};

/* Nobody finds it any more, but who found it a moment ago may still write to it. */
#define ENTRY_RETIRED (~0U)

struct blockio_key {
	unsigned int slot;
	unsigned int device; /* kernel dev_t: 12 bits major, 20 bits minor */
	unsigned int op;
};

#define MAX_DEVICE_NAME 32
struct blockio_entry {
	unsigned int use;
	struct blockio_key key;
	char device[MAX_DEVICE_NAME];
	unsigned long long failures;
	unsigned long long sum_ns;
	unsigned long long sum_bytes;
	unsigned long long time_buckets[NR_TIME_BUCKETS];
	unsigned long long size_buckets[NR_SIZE_BUCKETS];
};

/* `family` 0 stands for the peers beyond a container's bound. */
struct peer_key {
	unsigned int slot;
	unsigned short port;
	unsigned short family;
	unsigned char address[16];
};

struct peer_entry {
	unsigned int use;
	struct peer_key key;
	unsigned long long sum_ns;
	unsigned long long last_seen; /* settling clock at its last event */
	unsigned long long overlapped;
	unsigned long long connections;
	unsigned long long failures;
	unsigned long long retransmits;
	unsigned long long buckets[NR_TIME_BUCKETS];
};

/* Peers told apart per container; the rest is folded into `other` and counted. */
#define MAX_PEERS_PER_SLOT 64

/* What the pools hold per container on average; their bounds are these times the containers tracked. */
#define BLOCKIO_PER_CONTAINER 4
#define PEERS_PER_CONTAINER 4

/* In the order of DROPS in ../index.ts. */
enum drop {
	DROP_THREADS_FULL,
	DROP_CONNECTIONS_FULL,
	DROP_PEERS_FOLDED,
	DROP_BLOCKIO_FULL,
	DROP_BLOCKIO_OWNER_LOST,
	DROP_BLOCKIO_NO_START,
	DROP_EVENTS_FULL,
	DROP_SWITCHES_MISSED,
	DROP_MESSAGES_MISSED,
	DROP_RUNS_SKIPPED, /* counted by the kernel itself: read from the programs, not from `drops` */
	NR_DROPS,
};

/* What one program did while it was timed: a cache line, so that programs do not disturb each other. */
enum cost { COST_RUNS, COST_NANOSECONDS, COST_WORDS = 8 };

/* A cgroup appeared or went away. */
#define MAX_CGROUP_NAME 256 /* NAME_MAX, and the 0 at the end */
struct cgroup_event {
	unsigned long long id, parent;
	unsigned int removed;
	char name[MAX_CGROUP_NAME];
};

#endif
