// SPDX-License-Identifier: Apache-2.0
/* The Node-API face: plain functions over an opaque handle; ../index.ts makes them a typed interface. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <node_api.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"
#include "kernscale.skel.h"
#include "messages.h"
#include "session.h"

/* Every Node-API call that can fail: on failure leave with the exception it has pending, or one made here. */
#define CHECK(call)                                                          \
	do {                                                                 \
		if ((call) != napi_ok) {                                     \
			bool pending = false;                                \
                                                                             \
			napi_is_exception_pending(env, &pending);            \
			if (!pending)                                        \
				napi_throw_error(env, "NAPI_FAILED", #call); \
			return NULL;                                         \
		}                                                            \
	} while (0)

/* Tells our handle from anybody else's wrapped object. */
static const napi_type_tag handle_tag = { 0x6b65726e7363616cULL, 0x652d68616e646c65ULL };

struct handle {
	struct session *session; /* NULL once closed */
};

static void free_handle(napi_env env, void *data, void *hint)
{
	struct handle *handle = data;

	(void)env;
	(void)hint;
	if (handle->session)
		session_close(handle->session);
	free(handle);
}

static napi_value throw(napi_env env, const char *code, const char *message)
{
	napi_throw_error(env, code, message);
	return NULL;
}

/* The open session behind the first of `wanted` arguments, or NULL with an exception pending. */
static struct session *arguments(napi_env env, napi_callback_info info, size_t wanted, napi_value *values)
{
	size_t count = wanted;
	bool ours = false;
	struct handle *handle;

	CHECK(napi_get_cb_info(env, info, &count, values, NULL, NULL));
	if (count >= wanted)
		CHECK(napi_check_object_type_tag(env, values[0], &handle_tag, &ours));
	if (!ours) {
		napi_throw_type_error(env, "BAD_ARGUMENT", "not a handle of this addon");
		return NULL;
	}
	CHECK(napi_unwrap(env, values[0], (void **)&handle));
	if (!handle->session)
		throw(env, "CLOSED", "the probes are closed");
	return handle->session;
}

static napi_value get_options(napi_env env, napi_value object, struct options *options)
{
	napi_value value, element;
	size_t length;

	CHECK(napi_get_named_property(env, object, "cgroupRoot", &value));
	CHECK(napi_get_value_string_utf8(env, value, options->cgroup_root, sizeof(options->cgroup_root), &length));
	CHECK(napi_get_named_property(env, object, "maxContainers", &value));
	CHECK(napi_get_value_uint32(env, value, &options->max_containers));
	CHECK(napi_get_named_property(env, object, "sampleHz", &value));
	CHECK(napi_get_value_uint32(env, value, &options->sample_hz));
	CHECK(napi_get_named_property(env, object, "cgroupEvents", &value));
	CHECK(napi_get_value_bool(env, value, &options->cgroup_events));
	CHECK(napi_get_named_property(env, object, "probes", &value));
	for (uint32_t i = 0; i < NR_PROBES; i++) {
		CHECK(napi_get_element(env, value, i, &element));
		CHECK(napi_get_value_bool(env, element, &options->probes[i]));
	}
	return object;
}

static napi_value open_session(napi_env env, napi_callback_info info)
{
	struct options options = {};
	struct failure failure = {};
	struct handle *handle;
	napi_value argument, result;
	size_t count = 1;

	CHECK(napi_get_cb_info(env, info, &count, &argument, NULL, NULL));
	if (!get_options(env, argument, &options))
		return NULL;
	handle = calloc(1, sizeof(*handle));
	if (!handle)
		return throw(env, "NO_MEMORY", "no memory");
	handle->session = session_open(&options, &failure);
	if (!handle->session) {
		free(handle);
		return throw(env, failure.code, failure.message);
	}
	if (napi_create_object(env, &result) != napi_ok ||
	    napi_wrap(env, result, handle, free_handle, NULL, NULL) != napi_ok) {
		free_handle(env, handle, NULL);
		return throw(env, "NAPI_FAILED", "cannot create the handle");
	}
	CHECK(napi_type_tag_object(env, result, &handle_tag));
	return result;
}

static napi_value close_session(napi_env env, napi_callback_info info)
{
	napi_value object;
	size_t count = 1;
	bool ours = false;
	struct handle *handle;

	CHECK(napi_get_cb_info(env, info, &count, &object, NULL, NULL));
	CHECK(napi_check_object_type_tag(env, object, &handle_tag, &ours));
	if (!ours)
		return throw(env, "BAD_ARGUMENT", "not a handle of this addon");
	CHECK(napi_unwrap(env, object, (void **)&handle));
	if (handle->session)
		session_close(handle->session);
	handle->session = NULL;
	return NULL;
}

static napi_value set_string(napi_env env, napi_value object, const char *name, const char *text)
{
	napi_value value;

	CHECK(napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value));
	CHECK(napi_set_named_property(env, object, name, value));
	return object;
}

static napi_value set_number(napi_env env, napi_value object, const char *name, double number)
{
	napi_value value;

	CHECK(napi_create_double(env, number, &value));
	CHECK(napi_set_named_property(env, object, name, value));
	return object;
}

static napi_value list_programs(napi_env env, napi_callback_info info)
{
	napi_value argument, result, entry, attached;
	struct session *session = arguments(env, info, 1, &argument);

	if (!session)
		return NULL;
	CHECK(napi_create_array_with_length(env, session->nr_programs, &result));
	for (size_t i = 0; i < session->nr_programs; i++) {
		const struct program_status *status = &session->programs[i];

		CHECK(napi_create_object(env, &entry));
		CHECK(napi_get_boolean(env, status->attached, &attached));
		CHECK(napi_set_named_property(env, entry, "attached", attached));
		if (!set_number(env, entry, "probe", status->probe) || !set_string(env, entry, "program", status->name) ||
		    !set_string(env, entry, "detail", status->detail))
			return NULL;
		CHECK(napi_set_element(env, result, i, entry));
	}
	return result;
}

static napi_value get_cgroup(napi_env env, napi_value value, uint64_t *cgroup)
{
	bool lossless;

	CHECK(napi_get_value_bigint_uint64(env, value, cgroup, &lossless));
	return value;
}

static napi_value track(napi_env env, napi_callback_info info)
{
	napi_value values[2], result;
	struct failure failure = {};
	struct session *session = arguments(env, info, 2, values);
	uint64_t cgroup;
	int64_t slot;

	if (!session || !get_cgroup(env, values[1], &cgroup))
		return NULL;
	slot = session_track(session, cgroup, &failure);
	if (slot < 0)
		return throw(env, failure.code, failure.message);
	CHECK(napi_create_int64(env, slot, &result));
	return result;
}

static napi_value untrack(napi_env env, napi_callback_info info)
{
	napi_value values[2];
	struct session *session = arguments(env, info, 2, values);
	uint64_t cgroup;

	if (session && get_cgroup(env, values[1], &cgroup))
		session_untrack(session, cgroup);
	return NULL;
}

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

static napi_value read_rows(napi_env env, struct session *session, napi_value result)
{
	uint32_t used = 1;
	int32_t *slots;
	double *values;

	for (uint32_t slot = 1; slot < session->nr_slots; slot++)
		used += session->tracked[slot].use == SLOT_USED;
	if (!new_array(env, result, "slots", napi_int32_array, sizeof(*slots), used, (void **)&slots) ||
	    !new_array(env, result, "values", napi_float64_array, sizeof(*values), (size_t)used * VALUES_PER_SLOT,
		       (void **)&values))
		return NULL;
	for (uint32_t slot = 0; slot < session->nr_slots; slot++) {
		if (slot && session->tracked[slot].use != SLOT_USED)
			continue;
		*slots++ = slot;
		session_read_slot(session, slot, values);
		values += VALUES_PER_SLOT;
	}
	return result;
}

/* The map's entries as raw bytes: `NAME.keys` as Uint8Array and `NAME.values` as BigUint64Array. */
static napi_value read_hash(napi_env env, struct session *session, napi_value result, const char *name,
			    const struct bpf_map *map)
{
	size_t key_size = bpf_map__key_size(map), value_size = bpf_map__value_size(map);
	void *keys, *values, *data;
	napi_value object, array;
	int count = session_read_hash(bpf_map__fd(map), key_size, value_size, bpf_map__max_entries(map), &keys, &values);

	if (count < 0)
		return throw(env, "READ_FAILED", strerror(-count));
	array = NULL;
	if (napi_create_object(env, &object) == napi_ok &&
	    new_array(env, object, "keys", napi_uint8_array, 1, count * key_size, &data)) {
		memcpy(data, keys, count * key_size);
		array = new_array(env, object, "values", napi_biguint64_array, 8, count * value_size / 8, &data);
	}
	if (array)
		memcpy(data, values, count * value_size);
	if (map == session->skeleton->maps.peers)
		session_age_peers(session, keys, values, count);
	free(keys);
	free(values);
	if (!array)
		return NULL;
	CHECK(napi_set_named_property(env, result, name, object));
	return result;
}

static napi_value read_all(napi_env env, napi_callback_info info)
{
	napi_value argument, result;
	struct session *session = arguments(env, info, 1, &argument);
	uint64_t *drops;
	int error;

	if (!session)
		return NULL;
	error = session_settle(session);
	if (error)
		return throw(env, "READ_FAILED", strerror(-error));
	CHECK(napi_create_object(env, &result));
	if (!read_rows(env, session, result) || !read_hash(env, session, result, "blockIo", session->skeleton->maps.blockio) ||
	    !read_hash(env, session, result, "peers", session->skeleton->maps.peers) ||
	    !new_array(env, result, "drops", napi_biguint64_array, 8, NR_DROPS, (void **)&drops))
		return NULL;
	memcpy(drops, session->skeleton->bss->drops, NR_DROPS * sizeof(*drops));
	return result;
}

/* [[id, removed, path]...] of the cgroups that came and went since the last call. */
static napi_value take_events(napi_env env, napi_callback_info info)
{
	napi_value argument, result, entry, value;
	struct session *session = arguments(env, info, 1, &argument);
	int error;

	if (!session)
		return NULL;
	error = events_fetch(session);
	if (error)
		return throw(env, "READ_FAILED", strerror(-error));
	CHECK(napi_create_array_with_length(env, session->nr_events, &result));
	for (size_t i = 0; i < session->nr_events; i++) {
		const struct cgroup_event *event = &session->events[i];

		CHECK(napi_create_array_with_length(env, 3, &entry));
		CHECK(napi_create_bigint_uint64(env, event->id, &value));
		CHECK(napi_set_element(env, entry, 0, value));
		CHECK(napi_get_boolean(env, event->removed, &value));
		CHECK(napi_set_element(env, entry, 1, value));
		CHECK(napi_create_string_utf8(env, event->path, NAPI_AUTO_LENGTH, &value));
		CHECK(napi_set_element(env, entry, 2, value));
		CHECK(napi_set_element(env, result, i, entry));
	}
	return result;
}

static napi_value start_costs(napi_env env, napi_callback_info info)
{
	napi_value argument;
	struct session *session = arguments(env, info, 1, &argument);
	int error = session ? costs_start(session) : 0;

	return error ? throw(env, "READ_FAILED", strerror(-error)) : NULL;
}

static napi_value stop_costs(napi_env env, napi_callback_info info)
{
	napi_value argument;
	struct session *session = arguments(env, info, 1, &argument);

	if (session)
		costs_stop(session);
	return NULL;
}

/* [{program, runs, seconds}...] of the attached programs. */
static napi_value read_costs(napi_env env, napi_callback_info info)
{
	napi_value argument, result, entry;
	struct session *session = arguments(env, info, 1, &argument);
	struct program_cost cost;
	uint32_t length = 0;

	if (!session)
		return NULL;
	CHECK(napi_create_array(env, &result));
	for (size_t i = 0; i < session->nr_programs; i++) {
		const char *name = session->programs[i].name;

		if (!session->programs[i].attached || !costs_read(session, name, &cost))
			continue;
		CHECK(napi_create_object(env, &entry));
		if (!set_string(env, entry, "program", name) || !set_number(env, entry, "runs", cost.runs) ||
		    !set_number(env, entry, "seconds", cost.nanoseconds * 1e-9))
			return NULL;
		CHECK(napi_set_element(env, result, length++, entry));
	}
	return result;
}

/* [[level, text]...] of everything libbpf said since the last call. */
static napi_value take_messages(napi_env env, napi_callback_info info)
{
	napi_value result, entry, value;

	(void)info;
	CHECK(napi_create_array_with_length(env, messages_count(), &result));
	for (size_t i = 0; i < messages_count(); i++) {
		CHECK(napi_create_array_with_length(env, 2, &entry));
		CHECK(napi_create_int32(env, messages_at(i)->level, &value));
		CHECK(napi_set_element(env, entry, 0, value));
		CHECK(napi_create_string_utf8(env, messages_at(i)->text, NAPI_AUTO_LENGTH, &value));
		CHECK(napi_set_element(env, entry, 1, value));
		CHECK(napi_set_element(env, result, i, entry));
	}
	messages_clear();
	return result;
}

NAPI_MODULE_INIT()
{
	const napi_property_descriptor functions[] = {
		{ .utf8name = "open", .method = open_session, .attributes = napi_enumerable },
		{ .utf8name = "close", .method = close_session, .attributes = napi_enumerable },
		{ .utf8name = "programs", .method = list_programs, .attributes = napi_enumerable },
		{ .utf8name = "track", .method = track, .attributes = napi_enumerable },
		{ .utf8name = "untrack", .method = untrack, .attributes = napi_enumerable },
		{ .utf8name = "read", .method = read_all, .attributes = napi_enumerable },
		{ .utf8name = "takeEvents", .method = take_events, .attributes = napi_enumerable },
		{ .utf8name = "startCosts", .method = start_costs, .attributes = napi_enumerable },
		{ .utf8name = "stopCosts", .method = stop_costs, .attributes = napi_enumerable },
		{ .utf8name = "costs", .method = read_costs, .attributes = napi_enumerable },
		{ .utf8name = "takeMessages", .method = take_messages, .attributes = napi_enumerable },
	};

	messages_capture();
	CHECK(napi_define_properties(env, exports, sizeof(functions) / sizeof(functions[0]), functions));
	return exports;
}
