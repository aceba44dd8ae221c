// SPDX-License-Identifier: Apache-2.0
/* From the maps to numbers. */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernscale.skel.h"
#include "session.h"

/* To divide by: that gives the double nearest to the exact decimal, which a product with 1e-9 may miss. */
static const double NANOSECONDS = 1e9;

static int iterate_threads(struct session *session)
{
	char ignored[64];
	int iterator = bpf_iter_create(bpf_link__fd(session->skeleton->links.settle));
	ssize_t got;

	if (iterator < 0)
		return -errno;
	do
		got = read(iterator, ignored, sizeof(ignored));
	while (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)));
	close(iterator);
	return got < 0 ? -errno : 0;
}

int session_settle(struct session *session)
{
	int error = 0;

	if (program_attached(&session->programs, "settle")) {
		session->skeleton->bss->settle_clock = 0;
		/* The iterator takes this CPU's run-queue clock for now; passing through the scheduler refreshes it. */
		sched_yield();
		error = iterate_threads(session);
	}
	/* Every thread has been seen with the present slots: nobody holds a retired one any more. */
	for (uint32_t slot = 1; !error && slot < session->nr_slots; slot++)
		if (session->tracked && session->tracked[slot].use == SLOT_RETIRED)
			session->tracked[slot].use = SLOT_FREE;
	return error;
}

static const struct series *series_of(const struct row *row, int series)
{
	return series < NR_STATES ? &row->states[series] : &row->tcp_serve;
}

/* The shards' counters wrap; their sum modulo 2^32 is the total's, plus what was added since. */
static void accumulate_series(struct histogram *total, const struct row *rows, uint32_t shards, int series)
{
	for (uint32_t i = 0; i < NR_TIME_BUCKETS; i++) {
		uint32_t added = -(uint32_t)total->buckets[i];

		for (uint32_t shard = 0; shard < shards; shard++)
			added += __atomic_load_n(&series_of(&rows[shard], series)->buckets[i], __ATOMIC_RELAXED);
		if (!added)
			continue;
		total->buckets[i] += added;
		if (!total->end || i < total->first)
			total->first = i;
		if (i >= total->end)
			total->end = i + 1;
	}
}

static void accumulate(struct totals *totals, const struct row *rows, uint32_t shards)
{
	uint32_t changed = 0;

	for (int i = 0; i < NR_SERIES; i++) {
		uint64_t sum_ns = 0;
		uint32_t lowest = 0;

		for (uint32_t shard = 0; shard < shards; shard++) {
			sum_ns += __atomic_load_n(&series_of(&rows[shard], i)->sum_ns, __ATOMIC_RELAXED);
			lowest += __atomic_load_n(&series_of(&rows[shard], i)->buckets[0], __ATOMIC_RELAXED);
		}
		if (sum_ns != totals->sum_ns[i] || lowest != totals->lowest[i])
			changed |= 1U << i;
		else if (!(totals->changed & 1U << i))
			continue;
		totals->sum_ns[i] = sum_ns;
		totals->lowest[i] = lowest;
		accumulate_series(&totals->series[i], rows, shards, i);
	}
	totals->changed = changed;
	totals->observed |= changed;
}

static void read_counts(struct session *session, uint32_t slot)
{
	const struct row *rows = &session->rows[(size_t)slot * session->shards];
	uint64_t total_ns[NR_STATES], user = 0, kernel = 0, overlapped = 0;
	double *counts = session->totals[slot].counts;

	memcpy(total_ns, session->settled[slot].total_ns, sizeof(total_ns));
	for (uint32_t shard = 0; shard < session->shards; shard++) {
		for (int state = 0; state < NR_STATES; state++)
			total_ns[state] += rows[shard].states[state].total_ns;
		user += rows[shard].samples_user;
		kernel += rows[shard].samples_kernel;
		overlapped += rows[shard].tcp_serve_overlapped;
	}
	for (int state = 0; state < NR_STATES; state++)
		*counts++ = total_ns[state] / NANOSECONDS;
	*counts++ = user;
	*counts++ = kernel;
	*counts++ = overlapped;
}

size_t session_read_slot(struct session *session, uint32_t slot)
{
	struct totals *totals = &session->totals[slot];
	size_t length = NR_COUNTS;

	read_counts(session, slot);
	accumulate(totals, &session->rows[(size_t)slot * session->shards], session->shards);
	for (int i = 0; i < NR_SERIES; i++)
		if (totals->observed & 1U << i)
			length += 3 + totals->series[i].end - totals->series[i].first;
	return length;
}

size_t session_write_slot(const struct session *session, uint32_t slot, double *values, size_t start, uint32_t *offsets)
{
	const struct totals *totals = &session->totals[slot];
	size_t next = start + NR_COUNTS;

	memcpy(&values[start], totals->counts, sizeof(totals->counts));
	for (int i = 0; i < NR_SERIES; i++) {
		const struct histogram *histogram = &totals->series[i];
		bool observed = totals->observed & 1U << i;

		offsets[i] = observed ? next : 0;
		if (!observed)
			continue;
		values[next++] = totals->sum_ns[i] / NANOSECONDS;
		values[next++] = histogram->first;
		values[next++] = histogram->end - histogram->first;
		for (uint32_t bucket = histogram->first; bucket < histogram->end; bucket++)
			values[next++] = histogram->buckets[bucket];
	}
	return next;
}
