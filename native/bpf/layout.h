/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Memory layout shared by the BPF programs, which write it, and the addon, which reads it. ../layout.ts is generated from
 * it by ../generate-layout.ts: an enumerator's name, without its prefix and in lower case, is the name in TypeScript.
 */
#ifndef KERNSCALE_LAYOUT_H
#define KERNSCALE_LAYOUT_H

/* Thread states; at every instant a thread is in exactly one. */
enum thread_state {
	STATE_ONCPU,
	STATE_RUNQUEUE,
	STATE_DISK,
	STATE_NETWORK,
	STATE_LOCK,
	STATE_IPC,
	STATE_RECLAIM,
	STATE_SLEEP,
	STATE_IDLE,
	STATE_OTHER,
	STATE_THROTTLED, /* the last one: it has no histogram */
	NR_STATES,
};

/* Histograms of a slot: the time in each thread state but throttled, then these. */
enum container_histogram {
	HISTOGRAM_TCP_SERVE = STATE_THROTTLED,
	HISTOGRAM_TCP_THINK,
	NR_HISTOGRAMS,
};

/* Other counters of a slot. */
enum container_scalar {
	SCALAR_SAMPLES_USER,
	SCALAR_SAMPLES_KERNEL,
	SCALAR_TCP_SERVE_OVERLAPPED,
	SCALAR_TCP_REQUESTS, /* at read-out: those that have ended and the outstanding ones */
	SCALAR_TCP_OUTSTANDING,
	SCALAR_TCP_OUTSTANDING_NS,
	SCALAR_TCP_ABANDONED,
	SCALAR_TCP_DROPPED,
	SCALAR_TCP_IN_VAIN,
	SCALAR_TCP_RETRIES,
	SCALAR_TCP_ACCEPT_OVERFLOWS,
	NR_SCALARS,
};

/*
 * Upper bounds 2^-20 s (954 ns) to 2^6 s (64 s), then +Inf. Powers of two of a second are the bounds of a Prometheus
 * native histogram of schema 0.
 */
enum time_bound { TIME_MIN_EXP = -20, TIME_MAX_EXP = 6 };
#define NR_TIME_BUCKETS (TIME_MAX_EXP - TIME_MIN_EXP + 2)

/* Upper bounds 2^9 bytes (one sector) to 2^26 bytes (64 MiB), then +Inf. */
enum size_bound { SIZE_MIN_EXP = 9, SIZE_MAX_EXP = 26 };
#define NR_SIZE_BUCKETS (SIZE_MAX_EXP - SIZE_MIN_EXP + 2)

/*
 * Intervals by length, in nanoseconds: 128 bytes, two cache lines, so that a state change touches two lines only. Of a
 * thread state, `total_ns` plus the flushed time of the slot includes in-flight intervals; `sum_ns` has finished ones only.
 * Bucket counters wrap at 2^32; user space reads often enough to see each wrap.
 */
struct time_histogram {
	unsigned long long total_ns;
	unsigned long long sum_ns;
	unsigned int buckets[NR_TIME_BUCKETS];
};

/*
 * One copy of a slot's counters, written by one CPU or, on large machines, by several. Whole cache lines: no false
 * sharing.
 */
struct shard {
	struct time_histogram histograms[NR_HISTOGRAMS];
	unsigned long long throttled_ns;
	unsigned long long serving_ns[NR_STATES]; /* part of `total_ns` of threads that serve a request */
	unsigned long long scalars[NR_SCALARS];
} __attribute__((aligned(64)));

/* Time of in-flight intervals credited by flush_threads, in nanoseconds; one reader at a time runs it. */
struct flushed {
	unsigned long long total_ns[NR_STATES];
	unsigned long long serving_ns[NR_STATES];
	unsigned long long due_before,
		due_ticks;                 /* time with a request due, as of the pass before and of this one (due.h) */
	unsigned long long pass;           /* flush_clock of this pass */
	unsigned long long outstanding;    /* server: requests, counted by the survey */
	unsigned long long outstanding_ns; /* their time that the survey has credited */
};

/*
 * Union of the waits for a CPU of a pod's threads, on one CPU. Times are of the run-queue clock. The newest block of
 * waits is [from, until); nothing waited in [gap, from). One cache line.
 */
struct starvation {
	unsigned long long waited_ns; /* length of the union */
	unsigned long long gap, from, until;
	unsigned long long ran_ns; /* on the CPU */
	/* In-flight intervals at the read-out at `read_at`: starts of the oldest. */
	unsigned long long read_at, waiting_from, running_from;
};

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

/* Histograms of a pool's entries. Buckets are not cumulative. */
struct entry_times {
	unsigned long long sum_ns;
	unsigned long long buckets[NR_TIME_BUCKETS];
};

struct entry_sizes {
	unsigned long long sum_bytes;
	unsigned long long buckets[NR_SIZE_BUCKETS];
};

enum blockio_scalar { BLOCKIO_FAILURES, NR_BLOCKIO_SCALARS };

/* Block requests of one slot, device and operation. */
#define MAX_DEVICE_NAME 32
struct blockio_entry {
	unsigned int id;
	struct blockio_key key;
	char device[MAX_DEVICE_NAME];
	unsigned long long scalars[NR_BLOCKIO_SCALARS];
	struct entry_times seconds;
	struct entry_sizes bytes;
};

/* `family` 0 stands for all peers beyond a container's limit. */
struct peer_key {
	unsigned int slot;
	unsigned short port;
	unsigned short family;
	unsigned char address[16];
};

enum peer_scalar {
	PEER_OVERLAPPED,
	PEER_CONNECTIONS,
	PEER_FAILURES,
	PEER_RETRANSMITS,
	PEER_SENT,             /* as SCALAR_TCP_REQUESTS */
	PEER_SENT_OUTSTANDING, /* counted by the survey */
	PEER_SENT_OUTSTANDING_NS,
	PEER_SENT_ABANDONED,
	PEER_SENT_DROPPED,
	NR_PEER_SCALARS,
};

/* What user space remembers of requests from one read-out to the next; programs leave it alone. */
struct settlement {
	unsigned long long arrived;
	unsigned long long forgotten; /* of those, the ones that vanished without an outcome: counted as dropped */
	unsigned long long found;     /* at the last read-out: those with an outcome, and the outstanding ones */
};

/* Client side of all connections from one slot to one peer. */
struct peer_entry {
	unsigned int id;
	struct peer_key key;
	unsigned int usual_us;        /* running mean of the waits */
	unsigned long long last_seen; /* flush_clock at its last event; read with the sum of `wait` */
	struct entry_times wait, long_wait;
	unsigned long long scalars[NR_PEER_SCALARS];
	struct settlement settlement;
};

/* Peers with an entry of their own per container; all others share the entry `other` and are counted as dropped. */
#define MAX_PEERS_PER_SLOT 64

/*
 * Average entries per container: the bound of a pool is this number times the tracked containers. The first peers, one
 * per slot, are reserved for `other`.
 */
#define BLOCKIO_PER_CONTAINER 4
#define PEERS_PER_CONTAINER 4

/* Causes of dropped observations. */
enum drop {
	DROP_THREADS_FULL,
	DROP_CONNECTIONS_FULL,
	DROP_PEERS_FULL,
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

/* Groups of programs that user space loads or leaves out together; those that take profiles come after them. */
enum probe_name { PROBE_SCHEDULER, PROBE_BLOCKIO, PROBE_SAMPLING, PROBE_TCP, NR_PROBES, PROBE_PROFILE = NR_PROBES };

/* A cgroup directory that was created or removed. */
#define MAX_CGROUP_NAME 256 /* NAME_MAX and the terminating zero */
struct cgroup_event {
	unsigned long long id, parent;
	unsigned int removed;
	char name[MAX_CGROUP_NAME];
};

#endif
