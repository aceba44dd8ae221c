// SPDX-License-Identifier: Apache-2.0
/* The addon: opens and closes sessions, and exports all functions, for which ../index.ts is the typed interface. */
#include <stdlib.h>
#include <string.h>

#include "layout_digest.h"
#include "maps.h"
#include "messages.h"
#include "napi.h"
#include "profile.h"
#include "user_reads.h"

static void close_native_session(void *session)
{
	end_watch(session);
	session_close(session);
}

static napi_value get_options(napi_env env, napi_value object, struct options *options)
{
	napi_value value, element;
	size_t length;

	CHECK(napi_get_named_property(env, object, "cgroupRoot", &value));
	CHECK(napi_get_value_string_utf8(env, value, options->cgroup_root, sizeof(options->cgroup_root), &length));
	CHECK(napi_get_named_property(env, object, "maxContainers", &value));
	CHECK(napi_get_value_uint32(env, value, &options->max_containers));
	CHECK(napi_get_named_property(env, object, "shards", &value));
	CHECK(napi_get_value_uint32(env, value, &options->shards));
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
	struct session *session;
	napi_value argument;
	size_t count = 1;

	CHECK(napi_get_cb_info(env, info, &count, &argument, NULL, NULL));
	if (!get_options(env, argument, &options))
		return NULL;
	session = session_open(&options, &failure);
	return session ? new_handle(env, &session_kind, session, close_native_session) :
			 throw(env, failure.code, failure.message);
}

static napi_value close_session(napi_env env, napi_callback_info info)
{
	return close_handle(env, info, &session_kind);
}

static napi_value list_session_programs(napi_env env, napi_callback_info info)
{
	napi_value argument;
	struct session *session = session_argument(env, info, 1, &argument);

	return session ? list_programs(env, &session->programs) : NULL;
}

static napi_value owner_is_blkcg(napi_env env, napi_callback_info info)
{
	napi_value argument, result;
	struct session *session = session_argument(env, info, 1, &argument);

	if (!session)
		return NULL;
	CHECK(napi_get_boolean(env, session->owner_is_blkcg, &result));
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
	struct session *session = session_argument(env, info, 2, values);
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
	struct session *session = session_argument(env, info, 2, values);
	uint64_t cgroup;

	if (session && get_cgroup(env, values[1], &cgroup))
		session_untrack(session, cgroup);
	return NULL;
}

static napi_value count_starvation(napi_env env, napi_callback_info info)
{
	napi_value argument;
	struct session *session = session_argument(env, info, 1, &argument);

	if (session)
		session_count_starvation(session);
	return NULL;
}

/* (CPUs, containers) */
static napi_value kernel_memory(napi_env env, napi_callback_info info)
{
	napi_value values[2], result;
	uint32_t cpus, containers;
	size_t count = 2;
	int64_t bytes;

	CHECK(napi_get_cb_info(env, info, &count, values, NULL, NULL));
	CHECK(napi_get_value_uint32(env, values[0], &cpus));
	CHECK(napi_get_value_uint32(env, values[1], &containers));
	bytes = maps_memory(cpus, containers);
	if (bytes < 0)
		return throw(env, "BAD_ARGUMENT", strerror(-bytes));
	CHECK(napi_create_int64(env, bytes, &result));
	return result;
}

/* [[level, text]...] of libbpf's messages since the last call. */
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
		{ .utf8name = "programs", .method = list_session_programs, .attributes = napi_enumerable },
		{ .utf8name = "ownerIsBlkcg", .method = owner_is_blkcg, .attributes = napi_enumerable },
		{ .utf8name = "kernelMemory", .method = kernel_memory, .attributes = napi_enumerable },
		{ .utf8name = "track", .method = track, .attributes = napi_enumerable },
		{ .utf8name = "countStarvation", .method = count_starvation, .attributes = napi_enumerable },
		{ .utf8name = "untrack", .method = untrack, .attributes = napi_enumerable },
		{ .utf8name = "read", .method = read_snapshot, .attributes = napi_enumerable },
		{ .utf8name = "dropCapabilities", .method = drop_capabilities, .attributes = napi_enumerable },
		{ .utf8name = "watchEvents", .method = watch_events, .attributes = napi_enumerable },
		{ .utf8name = "takeEvents", .method = take_events, .attributes = napi_enumerable },
		{ .utf8name = "timePrograms", .method = time_programs, .attributes = napi_enumerable },
		{ .utf8name = "costs", .method = read_costs, .attributes = napi_enumerable },
		{ .utf8name = "takeMessages", .method = take_messages, .attributes = napi_enumerable },
	};

	messages_capture();
	user_reads_keep();
	if (!set_string(env, exports, "layoutDigest", LAYOUT_DIGEST))
		return NULL;
	CHECK(napi_define_properties(env, exports, sizeof(functions) / sizeof(functions[0]), functions));
	return sampler_exports(env, exports);
}
