// SPDX-License-Identifier: Apache-2.0
/* What was measured, as JavaScript values. */
#include <bpf/libbpf.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "costs.h"
#include "events.h"
#include "kernscale.skel.h"
#include "napi.h"
#include "skipped.h"

/* A typed array over fresh memory; `*data` is where to write it. */
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

static napi_value read_rows(napi_env env, struct session *session, napi_value result)
{
	uint32_t used = 0, *offsets;
	size_t length = 0;
	int32_t *slots;
	double *values;

	for (uint32_t slot = 0; slot < session->nr_slots; slot++) {
		if (!is_in_use(session, slot))
			continue;
		used++;
		length += session_read_slot(session, slot);
	}
	if (!new_array(env, result, "slots", napi_int32_array, sizeof(*slots), used, (void **)&slots) ||
	    !new_array(env, result, "offsets", napi_uint32_array, sizeof(*offsets), (size_t)used * (1 + NR_SERIES),
		       (void **)&offsets) ||
	    !new_array(env, result, "values", napi_float64_array, sizeof(*values), length, (void **)&values))
		return NULL;
	length = 0;
	for (uint32_t slot = 0; slot < session->nr_slots; slot++) {
		if (!is_in_use(session, slot))
			continue;
		*slots++ = slot;
		*offsets++ = length;
		length = session_write_slot(session, slot, values, length, offsets);
		offsets += NR_SERIES;
	}
	return result;
}

static napi_value copy_array(napi_env env, napi_value object, const char *name, napi_typedarray_type type, size_t size,
			     size_t length, const void *from)
{
	void *to;

	if (!new_array(env, object, name, type, size, length, &to))
		return NULL;
	memcpy(to, from, length * size);
	return object;
}

static napi_value read_pool(napi_env env, napi_value result, const char *name, struct pool *pool)
{
	const struct entries *read = &pool->read;
	napi_value object;

	pool_read(pool);
	CHECK(napi_create_object(env, &object));
	if (!copy_array(env, object, "keys", napi_uint8_array, 1, read->count * pool->key_size, read->keys) ||
	    !copy_array(env, object, "names", napi_uint8_array, 1, read->count * pool->shape.name_size, read->names) ||
	    !copy_array(env, object, "offsets", napi_uint32_array, sizeof(uint32_t), read->count, read->offsets) ||
	    !copy_array(env, object, "values", napi_float64_array, sizeof(double), read->length, read->values))
		return NULL;
	CHECK(napi_set_named_property(env, result, name, object));
	return result;
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec * 1e-9;
}

/* [{attached, probe, program, detail}...] */
napi_value list_programs(napi_env env, const struct programs *programs)
{
	napi_value result, entry, attached;

	CHECK(napi_create_array_with_length(env, programs->count, &result));
	for (size_t i = 0; i < programs->count; i++) {
		const struct program_status *status = &programs->status[i];

		CHECK(napi_create_object(env, &entry));
		CHECK(napi_get_boolean(env, status->attached, &attached));
		CHECK(napi_set_named_property(env, entry, "attached", attached));
		if (!set_number(env, entry, "probe", status->program->probe) ||
		    !set_string(env, entry, "program", status->program->name) ||
		    !set_string(env, entry, "detail", status->detail))
			return NULL;
		CHECK(napi_set_element(env, result, i, entry));
	}
	return result;
}

napi_value read_all(napi_env env, napi_callback_info info)
{
	napi_value argument, result;
	struct session *session = arguments(env, info, 1, &argument);
	double started = seconds_now();
	uint64_t *drops;
	int error;

	if (!session)
		return NULL;
	error = session_settle(session);
	if (error)
		return throw(env, "READ_FAILED", strerror(-error));
	CHECK(napi_create_object(env, &result));
	pool_recycle(&session->blockio);
	pool_recycle(&session->peers);
	if (!set_number(env, result, "settleSeconds", seconds_now() - started) || !read_rows(env, session, result) ||
	    !read_pool(env, result, "blockIo", &session->blockio) || !read_pool(env, result, "peers", &session->peers) ||
	    !new_array(env, result, "drops", napi_biguint64_array, 8, NR_DROPS, (void **)&drops))
		return NULL;
	memcpy(drops, session->skeleton->bss->drops, NR_DROPS * sizeof(*drops));
	drops[DROP_RUNS_SKIPPED] = skipped_runs(session);
	session_age_peers(session);
	return result;
}

static napi_value write_event(napi_env env, const struct cgroup_event *event)
{
	napi_value entry, value;

	CHECK(napi_create_array_with_length(env, 4, &entry));
	CHECK(napi_get_boolean(env, event->removed, &value));
	CHECK(napi_set_element(env, entry, 0, value));
	CHECK(napi_create_bigint_uint64(env, event->id, &value));
	CHECK(napi_set_element(env, entry, 1, value));
	CHECK(napi_create_bigint_uint64(env, event->parent, &value));
	CHECK(napi_set_element(env, entry, 2, value));
	CHECK(napi_create_string_utf8(env, event->name, NAPI_AUTO_LENGTH, &value));
	CHECK(napi_set_element(env, entry, 3, value));
	return entry;
}

/* {lost, events: [[removed, id, parent, name]...]} of the cgroups that came and went since the last call. */
napi_value take_events(napi_env env, napi_callback_info info)
{
	napi_value argument, result, events, entry;
	struct session *session = arguments(env, info, 1, &argument);
	uint64_t lost;
	int error;

	if (!session)
		return NULL;
	error = events_fetch(session, &lost);
	if (error)
		return throw(env, "READ_FAILED", strerror(-error));
	CHECK(napi_create_object(env, &result));
	CHECK(napi_create_array_with_length(env, session->nr_events, &events));
	CHECK(napi_set_named_property(env, result, "events", events));
	for (size_t i = 0; i < session->nr_events; i++) {
		entry = write_event(env, &session->events[i]);
		if (!entry)
			return NULL;
		CHECK(napi_set_element(env, events, i, entry));
	}
	return set_number(env, result, "lost", lost);
}

/* (handle, on) */
napi_value time_programs(napi_env env, napi_callback_info info)
{
	napi_value values[2];
	struct session *session = arguments(env, info, 2, values);
	bool on;

	if (!session)
		return NULL;
	CHECK(napi_get_value_bool(env, values[1], &on));
	costs_time(session, on);
	return NULL;
}

/* [{program, runs, seconds}...] of the attached programs. */
napi_value read_costs(napi_env env, napi_callback_info info)
{
	napi_value argument, result, entry;
	struct session *session = arguments(env, info, 1, &argument);
	struct program_cost cost;
	uint32_t length = 0;

	if (!session)
		return NULL;
	CHECK(napi_create_array(env, &result));
	for (size_t i = 0; i < session->programs.count; i++) {
		struct program_status *program = &session->programs.status[i];

		if (!program->attached || !costs_read(session, program, &cost))
			continue;
		CHECK(napi_create_object(env, &entry));
		if (!set_string(env, entry, "program", program->program->name) || !set_number(env, entry, "runs", cost.runs) ||
		    !set_number(env, entry, "seconds", cost.nanoseconds * 1e-9))
			return NULL;
		CHECK(napi_set_element(env, result, length++, entry));
	}
	return result;
}
