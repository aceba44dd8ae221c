/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Memory layout shared by the BPF programs, which write it, and the addon, which reads it. */
#ifndef KERNSCALE_LAYOUT_H
#define KERNSCALE_LAYOUT_H

/* Thread states, in the order of STATES in ../types.ts. */
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
 * Upper bounds 2^-20 s (954 ns) to 2^6 s (64 s), then +Inf. Powers of two of a second are the bounds of a Prometheus
 * native histogram of schema 0.
 */
#define TIME_MIN_EXP (-20)
#define TIME_MAX_EXP 6
#define NR_TIME_BUCKETS (TIME_MAX_EXP - TIME_MIN_EXP + 2)

/* Upper bounds 2^9 bytes (one sector) to 2^26 bytes (64 MiB), then +Inf. */
#define SIZE_MIN_EXP 9
#define SIZE_MAX_EXP 26
#define NR_SIZE_BUCKETS (SIZE_MAX_EXP - SIZE_MIN_EXP + 2)

/*
 * Time in one state, in nanoseconds: 128 bytes, two cache lines, so that a state change touches two lines only.
 * `total_ns` plus the flushed time of the slot includes in-flight intervals; `sum_ns` has finished intervals only.
 * Bucket counters wrap at 2^32; user space reads often enough to see each wrap.
 */
struct time_histogram {
	unsigned long long total_ns;
	unsigned long long sum_ns;
	unsigned int buckets[NR_TIME_BUCKETS];
};

/* One copy of a slot's counters, written by one CPU or, on large machines, by several. */
struct shard {
	struct time_histogram states[NR_STATES];
	struct time_histogram tcp_serve;
	unsigned long long samples_user;
	unsigned long long samples_kernel;
	unsigned long long tcp_serve_overlapped;
	unsigned long long reserved[5]; /* rounds the shard up to whole cache lines: no false sharing */
};

/* Time of in-flight intervals credited by flush_threads, in nanoseconds; one reader at a time runs it. */
struct flushed {
	unsigned long long total_ns[NR_STATES];
};

/* In the order of BLOCK_OPS in ../types.ts. */
enum block_op { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD, NR_BLOCK_OPS };

/*
 * Common start of all entries of a pool (pool.h). The key follows `id`, and its first word is the slot. `id` is 0 for
 * a free entry, ENTRY_DRAINING, or a number that no other entry has ever had.
 */
struct entry {
	unsigned int id;
	unsigned int slot;
};

/* Evicted: lookups no longer find the entry, but a program that found it earlier may still write to it. */
#define ENTRY_DRAINING (~0U)

struct blockio_key {
	unsigned int slot;
	unsigned int device; /* kernel dev_t: 12 bits major, 20 bits minor */
	unsigned int op;
};

/* Block requests of one slot, device and operation; buckets are not cumulative. */
#define MAX_DEVICE_NAME 32
struct blockio_entry {
	unsigned int id;
	struct blockio_key key;
	char device[MAX_DEVICE_NAME];
	unsigned long long failures;
	unsigned long long sum_ns;
	unsigned long long sum_bytes;
	unsigned long long time_buckets[NR_TIME_BUCKETS];
	unsigned long long size_buckets[NR_SIZE_BUCKETS];
};

/* `family` 0 stands for all peers beyond a container's limit. */
struct peer_key {
	unsigned int slot;
	unsigned short port;
	unsigned short family;
	unsigned char address[16];
};

/* Client side of all connections from one slot to one peer. */
struct peer_entry {
	unsigned int id;
	struct peer_key key;
	unsigned long long sum_ns;
	unsigned long long last_seen; /* flush_clock at its last event */
	unsigned long long overlapped;
	unsigned long long connections;
	unsigned long long failures;
	unsigned long long retransmits;
	unsigned long long buckets[NR_TIME_BUCKETS];
};

/* Peers with an entry of their own per container; all others share the entry `other` and are counted as dropped. */
#define MAX_PEERS_PER_SLOT 64

/* Average entries per container: the bound of a pool is this number times the tracked containers. */
#define BLOCKIO_PER_CONTAINER 4
#define PEERS_PER_CONTAINER 4

/* Causes of dropped observations, in the order of DROPS in ../decode.ts. */
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
	DROP_RUNS_SKIPPED, /* counted by the kernel per program, not in `drops` */
	NR_DROPS,
};

/* Words of one program's own accounting; padded to a cache line so that programs do not disturb each other. */
enum cost { COST_RUNS, COST_NANOSECONDS, COST_WORDS = 8 };

/* A cgroup directory that was created or removed. */
#define MAX_CGROUP_NAME 256 /* NAME_MAX and the terminating zero */
struct cgroup_event {
	unsigned long long id, parent;
	unsigned int removed;
	char name[MAX_CGROUP_NAME];
};

#endif
