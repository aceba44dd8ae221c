/* SPDX-License-Identifier: Apache-2.0 */
/* A session: one set of loaded BPF programs and the state that user space keeps for it. */
#ifndef KERNSCALE_SESSION_H
#define KERNSCALE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "../bpf/layout.h"
#include "failure.h"
#include "pool.h"
#include "programs.h"

struct kernscale; /* the skeleton bpftool generates */
struct ring_buffer;
struct watch;

#define MAX_SHARDS 8

struct options {
	bool probes[NR_PROBES];
	uint32_t max_containers;
	uint32_t shards; /* 0: chosen by the number of CPUs */
	uint32_t sample_hz;
	bool cgroup_events;
	char cgroup_root[256];
};

enum slot_use {
	SLOT_FREE,
	SLOT_USED,
	SLOT_DRAINING, /* untracked, but threads may still cache it: free after the next flush */
};

/* Starved time of a slot, and what its shards had at the last read. */
struct starved {
	double seconds;
	uint64_t waited_ns[MAX_SHARDS], ran_ns[MAX_SHARDS];
};

struct tracked {
	uint64_t cgroup;
	enum slot_use use;
};

/* Sum of all shards. All buckets that are not empty are in [first, end). */
struct histogram {
	uint64_t buckets[NR_TIME_BUCKETS];
	uint32_t first, end;
};

/* Seconds per state, the scalars, seconds per state of threads that serve a request, starved seconds. */
#define NR_COUNTS (2 * NR_STATES + 1 + NR_SCALARS)

/*
 * Sum of a slot's shards. Buckets are read only where `sum_ns` or the first bucket has changed since the last read:
 * every observation changes the sum or, if its length is 0, the first bucket.
 */
struct totals {
	struct starved starved;
	uint64_t sum_ns[NR_HISTOGRAMS];
	uint32_t lowest[NR_HISTOGRAMS]; /* first buckets, modulo 2^32 */
	uint32_t changed; /* bit per histogram: changed at the last read, so read again: buckets may follow their sum */
	uint32_t observed; /* bit per histogram: not empty */
	double counts[NR_COUNTS];
	uint64_t abandoned, dropped;
	struct settlement settlement;
	struct histogram histograms[NR_HISTOGRAMS];
};

_Static_assert(NR_HISTOGRAMS <= 32, "struct totals has 32 bits for histograms");

struct session {
	struct kernscale *skeleton;
	struct options options;
	struct programs programs;
	struct cpu_clocks samples;

	struct ring_buffer *ring; /* NULL: no cgroup events */
	struct cgroup_event *events;
	size_t nr_events, max_events;
	uint64_t events_lost; /* drops that were reported */
	struct watch *watch;  /* NULL: no listener */

	uint32_t nr_slots; /* containers + 1 */
	uint32_t shards;
	bool owner_is_blkcg;
	struct shard *counters;         /* [slot x shard], shared with the kernel */
	struct flushed *flushed;        /* [slot], shared with the kernel */
	struct starvation *starvation;  /* [slot x shard], shared with the kernel */
	uint64_t read_at, last_read_at; /* run-queue clock at this read-out and at the one before */
	struct tracked *tracked;        /* [slot] */
	struct totals *totals;          /* [slot] */
	struct pool blockio, peers;
	double off_cpu;                   /* off_cpu_seconds() when the last flush began */
	uint64_t *peer_counts;            /* [slot], shared with the kernel */
	struct peer_entry **sorted_peers; /* scratch memory of session_evict_peers */
};

/* load.c: loads and attaches. NULL and `failure` on error; programs that a kernel refuses are reported and omitted. */
struct session *session_open(const struct options *options, struct failure *failure);
void session_close(struct session *session);

/* slots.c: returns the slot of the cgroup, which it assigns if there is none, or -1 and `failure`. */
int64_t session_track(struct session *session, uint64_t cgroup, struct failure *failure);
void session_untrack(struct session *session, uint64_t cgroup);

/* Counts the starved time of pods from now on. */
void session_count_starvation(struct session *session);

/* Finds listening sockets that are older than the programs. */
void session_adopt_listeners(struct session *session);

/* Flushes in-flight intervals, so that the maps are exact for this instant, and frees draining slots. 0 or -errno. */
int session_flush(struct session *session);

/* Time of a clock. */
double seconds_of(clockid_t clock);

/* Time that this thread has not spent on a CPU, from some instant on. */
double off_cpu_seconds(void);

/* starvation.c: updates the starved time of a slot. */
void session_read_starvation(struct session *session, uint32_t slot);

/* peers.c: evicts peers of containers that are gone and, near a bound, those that were quiet for long. */
void session_evict_peers(struct session *session);

/* requests.c: before the flush, for each slot; and after it, when its counts are read. The same for all peers. */
void requests_read_ended(struct session *session, uint32_t slot);
void requests_settle(struct session *session, uint32_t slot);
void requests_forget_sent(struct session *session);
void requests_settle_sent(struct session *session);

/* cgroup_events.c: the ring buffer, if the options include it. */
bool session_open_events(struct session *session, struct failure *failure);
void session_close_events(struct session *session);

/*
 * program_stats.c: runs of all programs that the kernel has skipped since load. It skips a program on a CPU where
 * another run of it is in progress; tracing programs can be preempted (seen on 7.x), so any task can cause that.
 */
uint64_t session_skipped_runs(const struct session *session);

#endif
