/* SPDX-License-Identifier: Apache-2.0 */
/* One set of loaded BPF programs and what user space keeps beside it. */
#ifndef KERNSCALE_SESSION_H
#define KERNSCALE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../bpf/layout.h"
#include "clocks.h"
#include "failure.h"
#include "pools.h"
#include "programs.h"

struct kernscale; /* the skeleton bpftool generates */
struct ring_buffer;
struct watch;

#define MAX_SHARDS 8

struct options {
	bool probes[NR_PROBES];
	uint32_t max_containers;
	uint32_t shards; /* 0: as many as suit the machine */
	uint32_t sample_hz;
	bool cgroup_events;
	char cgroup_root[256];
};

enum slot_use {
	SLOT_FREE,
	SLOT_USED,
	SLOT_RETIRED, /* untracked, but threads may still have it cached: free after the next settling pass */
};

struct tracked {
	uint64_t cgroup;
	enum slot_use use;
};

/* The series of a row: the states', then tcp_serve. */
#define NR_SERIES (NR_STATES + 1)

/* Of all shards. Buckets that are not empty lie from `first` on and before `end`. */
struct histogram {
	uint64_t buckets[NR_TIME_BUCKETS];
	uint32_t first, end;
};

#define NR_COUNTS (NR_STATES + 3) /* each state's total; samples of user and kernel, overlapped serves */

/*
 * What a slot's shards add up to. A series that has not changed since it was last read need not be read: every
 * observation changes the sum or, if it was of no length, the first bucket.
 */
struct totals {
	uint64_t sum_ns[NR_SERIES];
	uint32_t lowest[NR_SERIES]; /* first buckets, modulo 2^32 */
	uint32_t changed;           /* bit per series: when last read; its buckets may have followed its sum since */
	uint32_t observed;          /* bit per series: it is not empty */
	double counts[NR_COUNTS];
	struct histogram series[NR_SERIES];
};

struct session {
	struct kernscale *skeleton;
	struct options options;
	struct programs programs;
	struct clocks samples;

	struct ring_buffer *ring; /* NULL: no cgroup events */
	struct cgroup_event *events;
	size_t nr_events, max_events;
	uint64_t events_lost; /* until they were last fetched */
	struct watch *watch;  /* NULL: nobody is told of them */

	uint32_t nr_slots; /* containers + 1 */
	uint32_t shards;
	bool owner_is_blkcg;
	struct row *rows;         /* [slot x shard], shared with the kernel */
	struct settled *settled;  /* [slot], shared with the kernel */
	struct tracked *tracked;  /* [slot] */
	struct totals *totals;    /* [slot] */
	struct pool blockio, peers;
	uint64_t *peer_counts;            /* [slot], shared with the kernel */
	struct peer_entry **peers_in_use; /* room to sort them */
};

/* Loads and attaches. NULL and `failure` on error; programs that a kernel refuses are noted and left out. */
struct session *session_open(const struct options *options, struct failure *failure);
void session_close(struct session *session);

/* Attaches what was loaded, and takes on the threads there are. False when nothing attaches. */
bool session_attach(struct session *session, struct failure *failure);

/* Has the program `sample` run at a clock's ticks on each CPU. 0 or -errno. */
int session_attach_samples(void *session, struct bpf_program *program);

/* The slot of the cgroup, or -1 and `failure`. */
int64_t session_track(struct session *session, uint64_t cgroup, struct failure *failure);
void session_untrack(struct session *session, uint64_t cgroup);

/* Credits every thread's unfinished time, so that the maps are exact for this instant. */
int session_settle(struct session *session);

/* Brings `session->totals` of a slot up to date. Answers how many doubles session_write_slot will write. */
size_t session_read_slot(struct session *session, uint32_t slot);

/*
 * Writes the counts of a slot and its histograms that are not empty to `values[start]` and on, and to `offsets` where
 * each histogram begins, 0 for an empty one: its sum, the number of its first bucket that is not empty, how many follow,
 * and these. Answers where the next slot's begin.
 */
size_t session_write_slot(const struct session *session, uint32_t slot, double *values, size_t start, uint32_t *offsets);

/* Forgets peers of containers that are gone, and, near a bound, those that were quiet for long. */
void session_age_peers(struct session *session);

#endif
