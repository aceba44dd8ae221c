// SPDX-License-Identifier: Apache-2.0
/* Snapshot encoding: sums up the maps and packs them into a few typed arrays, which ../decode.ts reads. */
#include <string.h>

#include "kernscale.skel.h"
#include "napi.h"

/* A divisor: it yields the double nearest to the exact decimal, which a product with 1e-9 may miss. */
static const double NANOSECONDS = 1e9;

/* Buckets of shards wrap: their sum less the total, modulo 2^32, is what was added since the last read. */
static void add_buckets(struct histogram *total, const struct shard *shards, uint32_t nr_shards, int number)
{
	for (uint32_t i = 0; i < NR_TIME_BUCKETS; i++) {
		uint32_t added = -(uint32_t)total->buckets[i];

		for (uint32_t shard = 0; shard < nr_shards; shard++)
			added += __atomic_load_n(&shards[shard].histograms[number].buckets[i], __ATOMIC_RELAXED);
		if (!added)
			continue;
		total->buckets[i] += added;
		if (!total->end || i < total->first)
			total->first = i;
		if (i >= total->end)
			total->end = i + 1;
	}
}

/* Adds histograms number `from` to `end`, which is not among them. */
static void add_histograms(struct session *session, uint32_t slot, int from, int end)
{
	const struct shard *shards = &session->counters[(size_t)slot * session->shards];
	struct totals *totals = &session->totals[slot];
	uint32_t nr_shards = session->shards, changed = totals->changed;

	for (int i = from; i < end; i++) {
		uint64_t sum_ns = 0;
		uint32_t lowest = 0;

		for (uint32_t shard = 0; shard < nr_shards; shard++) {
			sum_ns += __atomic_load_n(&shards[shard].histograms[i].sum_ns, __ATOMIC_RELAXED);
			lowest += __atomic_load_n(&shards[shard].histograms[i].buckets[0], __ATOMIC_RELAXED);
		}
		if (sum_ns != totals->sum_ns[i] || lowest != totals->lowest[i])
			changed |= 1U << i;
		else if (changed & 1U << i)
			changed &= ~(1U << i);
		else
			continue;
		totals->sum_ns[i] = sum_ns;
		totals->lowest[i] = lowest;
		add_buckets(&totals->histograms[i], shards, nr_shards, i);
	}
	totals->changed = changed;
	totals->observed |= changed;
}

static void add_counts(struct session *session, uint32_t slot)
{
	const struct shard *shards = &session->counters[(size_t)slot * session->shards];
	uint64_t total_ns[NR_STATES], serving_ns[NR_STATES], scalars[NR_SCALARS] = {};
	double *counts = session->totals[slot].counts;

	memcpy(total_ns, session->flushed[slot].total_ns, sizeof(total_ns));
	memcpy(serving_ns, session->flushed[slot].serving_ns, sizeof(serving_ns));
	for (uint32_t shard = 0; shard < session->shards; shard++) {
		for (int state = 0; state < STATE_THROTTLED; state++)
			total_ns[state] += shards[shard].histograms[state].total_ns;
		total_ns[STATE_THROTTLED] += shards[shard].throttled_ns;
		for (int state = 0; state < NR_STATES; state++)
			serving_ns[state] += shards[shard].serving_ns[state];
		for (int scalar = 0; scalar < NR_SCALARS; scalar++)
			scalars[scalar] += shards[shard].scalars[scalar];
	}
	for (int state = 0; state < NR_STATES; state++)
		*counts++ = total_ns[state] / NANOSECONDS;
	for (int scalar = 0; scalar < NR_SCALARS; scalar++)
		*counts++ = scalars[scalar];
	for (int state = 0; state < NR_STATES; state++)
		*counts++ = serving_ns[state] / NANOSECONDS;
	session_read_starvation(session, slot);
	*counts++ = session->totals[slot].starved.seconds;
}

/* Updates the totals of a slot. Returns the number of doubles that write_slot will write. */
static size_t read_slot(struct session *session, uint32_t slot)
{
	const struct totals *totals = &session->totals[slot];
	size_t length = NR_COUNTS;

	add_counts(session, slot);
	add_histograms(session, slot, 0, HISTOGRAM_TCP_SERVE);
	for (int i = 0; i < NR_HISTOGRAMS; i++)
		if (totals->observed & 1U << i)
			length += 3 + totals->histograms[i].end - totals->histograms[i].first;
	return length;
}

/*
 * Writes the counts of a slot and its histograms that are not empty to `values[start]` and on: a sum and packed buckets
 * (index of the first that is not empty, how many follow, these). Writes the start of each histogram to `offsets`, 0
 * for an empty one. Returns the start of the next slot.
 */
static size_t write_slot(const struct session *session, uint32_t slot, double *values, size_t start, uint32_t *offsets)
{
	const struct totals *totals = &session->totals[slot];
	size_t next = start + NR_COUNTS;

	memcpy(&values[start], totals->counts, sizeof(totals->counts));
	for (int i = 0; i < NR_HISTOGRAMS; i++) {
		const struct histogram *histogram = &totals->histograms[i];
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

/* Creates a typed array as a property; `*data` is its memory. */
static napi_value new_array(napi_env env, napi_value object, const char *name, napi_typedarray_type type, size_t size,
			    size_t length, void **data)
{
	napi_value buffer, array;

	CHECK(napi_create_arraybuffer(env, size * length, data, &buffer));
	CHECK(napi_create_typedarray(env, type, length, buffer, 0, &array));
	CHECK(napi_set_named_property(env, object, name, array));
	return array;
}

static bool is_in_use(const struct session *session, uint32_t slot)
{
	return !slot || session->tracked[slot].use == SLOT_USED;
}

/* Slots in use and the number of doubles that they take; time that was spent on flushing. */
struct reading {
	uint32_t slots;
	size_t length;
	double flush_seconds;
};

/* What has ended, before the survey counts what is outstanding (requests.c). */
static void read_requests(struct session *session)
{
	for (uint32_t slot = 0; slot < session->nr_slots; slot++) {
		if (!is_in_use(session, slot))
			continue;
		add_histograms(session, slot, HISTOGRAM_TCP_SERVE, NR_HISTOGRAMS);
		requests_read_ended(session, slot);
	}
	pool_read(&session->peers);
	requests_forget_sent(session);
}

static void settle_requests(struct session *session)
{
	for (uint32_t slot = 0; slot < session->nr_slots; slot++)
		if (is_in_use(session, slot))
			requests_settle(session, slot);
	requests_settle_sent(session);
}

static int read_once(struct session *session, struct reading *reading)
{
	double started;
	int error;

	read_requests(session);
	started = seconds_of(CLOCK_MONOTONIC);
	error = session_flush(session);
	reading->flush_seconds += seconds_of(CLOCK_MONOTONIC) - started;
	reading->slots = 0;
	reading->length = 0;
	for (uint32_t slot = 0; !error && slot < session->nr_slots; slot++) {
		if (!is_in_use(session, slot))
			continue;
		reading->slots++;
		reading->length += read_slot(session, slot);
	}
	session->last_read_at = session->read_at;
	return error;
}

/*
 * Flushes and updates the totals. Begins again if this thread lost its CPU meanwhile: threads that went on are then ahead
 * of those that the flush has credited up to its beginning, by as much.
 */
static int read_at_one_instant(struct session *session, struct reading *reading)
{
	const double most_off_cpu = 0.001;
	const int attempts = 8;
	int error;

	for (int i = 0; i < attempts; i++) {
		error = read_once(session, reading);
		if (error || off_cpu_seconds() - session->off_cpu < most_off_cpu)
			break;
	}
	return error;
}

static napi_value write_slots(napi_env env, const struct session *session, struct reading reading, napi_value result)
{
	uint32_t used = reading.slots, *offsets;
	size_t length = reading.length;
	int32_t *slots;
	double *values;

	if (!new_array(env, result, "slots", napi_int32_array, sizeof(*slots), used, (void **)&slots) ||
	    !new_array(env, result, "offsets", napi_uint32_array, sizeof(*offsets), (size_t)used * (1 + NR_HISTOGRAMS),
		       (void **)&offsets) ||
	    !new_array(env, result, "values", napi_float64_array, sizeof(*values), length, (void **)&values))
		return NULL;
	length = 0;
	for (uint32_t slot = 0; slot < session->nr_slots; slot++) {
		if (!is_in_use(session, slot))
			continue;
		*slots++ = slot;
		*offsets++ = length;
		length = write_slot(session, slot, values, length, offsets);
		offsets += NR_HISTOGRAMS;
	}
	return result;
}

static napi_value copy_array(napi_env env, napi_value object, const char *name, napi_typedarray_type type, size_t size,
			     size_t length, const void *from)
{
	void *to;

	if (!new_array(env, object, name, type, size, length, &to))
		return NULL;
	if (length) /* an empty array has no memory */
		memcpy(to, from, length * size);
	return object;
}

static napi_value copy_pool(napi_env env, napi_value result, const char *name, struct pool *pool)
{
	const struct entries *read = &pool->read;
	napi_value object;

	CHECK(napi_create_object(env, &object));
	if (!copy_array(env, object, "keys", napi_uint8_array, 1, read->count * pool->key_size, read->keys) ||
	    !copy_array(env, object, "names", napi_uint8_array, 1, read->count * pool->shape.name_size, read->names) ||
	    !copy_array(env, object, "offsets", napi_uint32_array, sizeof(uint32_t), read->count, read->offsets) ||
	    !copy_array(env, object, "values", napi_float64_array, sizeof(double), read->length, read->values))
		return NULL;
	CHECK(napi_set_named_property(env, result, name, object));
	return result;
}

napi_value read_snapshot(napi_env env, napi_callback_info info)
{
	napi_value argument, result;
	struct session *session = session_argument(env, info, 1, &argument);
	struct reading reading = {};
	uint64_t *drops;
	int error;

	if (!session)
		return NULL;
	pool_free_drained(&session->blockio);
	pool_free_drained(&session->peers);
	error = read_at_one_instant(session, &reading);
	if (error)
		return throw(env, "READ_FAILED", strerror(-error));
	pool_read(&session->blockio);
	settle_requests(session);
	CHECK(napi_create_object(env, &result));
	if (!set_number(env, result, "flushSeconds", reading.flush_seconds) ||
	    !write_slots(env, session, reading, result) || !copy_pool(env, result, "blockIo", &session->blockio) ||
	    !copy_pool(env, result, "peers", &session->peers) ||
	    !new_array(env, result, "drops", napi_biguint64_array, 8, NR_DROPS, (void **)&drops))
		return NULL;
	memcpy(drops, session->skeleton->bss->drops, NR_DROPS * sizeof(*drops));
	drops[DROP_RUNS_SKIPPED] = session_skipped_runs(session);
	session_evict_peers(session);
	return result;
}
