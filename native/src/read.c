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

static const double NANOSECOND = 1e-9;

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

	if (session_program_attached(session, "settle")) {
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

/* A counter that wrapped since it was last read differs from it, modulo 2^32, by just what was added. */
static void accumulate_series(struct histogram *total, struct seen *seen, const struct series *now, int series)
{
	for (uint32_t i = 0; i < NR_TIME_BUCKETS; i++) {
		uint32_t value = __atomic_load_n(&now->buckets[i], __ATOMIC_RELAXED);

		if (value == seen->buckets[i][series])
			continue;
		total->buckets[i] += (uint32_t)(value - seen->buckets[i][series]);
		seen->buckets[i][series] = value;
		if (!total->end || i < total->first)
			total->first = i;
		if (i >= total->end)
			total->end = i + 1;
	}
}

/* Answers which series one shard changed, as bits. */
static uint32_t accumulate(struct totals *totals, struct seen *seen, const struct row *row)
{
	uint32_t changed = 0;

	for (int i = 0; i < NR_SERIES; i++) {
		const struct series *now = series_of(row, i);
		uint64_t sum_ns = __atomic_load_n(&now->sum_ns, __ATOMIC_RELAXED);
		uint32_t lowest = __atomic_load_n(&now->buckets[0], __ATOMIC_RELAXED);

		if (sum_ns != seen->sum_ns[i] || lowest != seen->buckets[0][i])
			changed |= 1U << i;
		else if (!(seen->changed & 1U << i))
			continue;
		seen->sum_ns[i] = sum_ns;
		accumulate_series(&totals->series[i], seen, now, i);
	}
	seen->changed = changed;
	return changed;
}

static void accumulate_shards(struct session *session, uint32_t slot)
{
	struct totals *totals = &session->totals[slot];
	struct seen *seen = &session->seen[(size_t)slot * session->shards];
	const struct row *rows = &session->rows[(size_t)slot * session->shards];
	uint32_t changed = 0;

	for (uint32_t shard = 0; shard < session->shards; shard++)
		changed |= accumulate(totals, &seen[shard], &rows[shard]);
	totals->observed |= changed;
	for (int i = 0; i < NR_SERIES; i++) {
		uint64_t sum_ns = 0;

		if (!(changed & 1U << i))
			continue;
		for (uint32_t shard = 0; shard < session->shards; shard++)
			sum_ns += seen[shard].sum_ns[i];
		totals->series[i].sum = sum_ns * NANOSECOND;
	}
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
		*counts++ = total_ns[state] * NANOSECOND;
	*counts++ = user;
	*counts++ = kernel;
	*counts++ = overlapped;
}

size_t session_read_slot(struct session *session, uint32_t slot)
{
	const struct totals *totals = &session->totals[slot];
	size_t length = NR_COUNTS;

	read_counts(session, slot);
	accumulate_shards(session, slot);
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
		values[next++] = histogram->sum;
		values[next++] = histogram->first;
		values[next++] = histogram->end - histogram->first;
		for (uint32_t bucket = histogram->first; bucket < histogram->end; bucket++)
			values[next++] = histogram->buckets[bucket];
	}
	return next;
}

static bool make_room(void **memory, size_t *size, size_t wanted)
{
	void *larger = wanted > *size ? realloc(*memory, wanted) : *memory;

	if (!larger)
		return false;
	*memory = larger;
	*size = wanted > *size ? wanted : *size;
	return true;
}

int session_read_hash(struct session *session, const struct bpf_map *map)
{
	size_t key_size = bpf_map__key_size(map), value_size = bpf_map__value_size(map);
	struct entries *entries = &session->entries;
	uint32_t bound = bpf_map__max_entries(map), done = 0;
	uint64_t position; /* the kernel keeps a bucket number there */
	int error = 0;

	if (!make_room(&entries->keys, &entries->keys_size, bound * key_size) ||
	    !make_room(&entries->values, &entries->values_size, bound * value_size))
		return -ENOMEM;
	for (bool first = true; !error && done < bound; first = false) {
		uint32_t count = bound - done;

		error = bpf_map_lookup_batch(bpf_map__fd(map), first ? NULL : &position, &position,
					     (char *)entries->keys + done * key_size,
					     (char *)entries->values + done * value_size, &count, NULL);
		if (!error || error == -ENOENT)
			done += count;
	}
	return error && error != -ENOENT && error != -ENOSPC ? error : (int)done;
}

static double *write_buckets(double *out, const uint64_t *buckets, size_t length)
{
	size_t first = 0, end = length;

	while (first < end && !buckets[first])
		first++;
	while (end > first && !buckets[end - 1])
		end--;
	*out++ = first;
	*out++ = end - first;
	for (size_t i = first; i < end; i++)
		*out++ = buckets[i];
	return out;
}

size_t session_write_values(struct session *session, const struct shape *shape, size_t count, uint32_t *offsets)
{
	const size_t histograms = sizeof(shape->buckets) / sizeof(shape->buckets[0]);
	struct entries *entries = &session->entries;
	size_t words = shape->words, largest;
	const char *value = entries->values;
	double *out;

	for (size_t i = 0; i < histograms; i++)
		words += shape->buckets[i];
	largest = words + 2 * histograms;
	if (!make_room((void **)&entries->written, &entries->written_size, count * largest * sizeof(*out)))
		return 0;
	out = entries->written;
	for (size_t entry = 0; entry < count; entry++) {
		const uint64_t *next = (const uint64_t *)(value + shape->name_size);

		offsets[entry] = out - entries->written;
		for (size_t word = 0; word < shape->words; word++)
			*out++ = *next++;
		for (size_t i = 0; i < histograms && shape->buckets[i]; next += shape->buckets[i++])
			out = write_buckets(out, next, shape->buckets[i]);
		value += shape->name_size + words * sizeof(uint64_t);
	}
	return out - entries->written;
}
