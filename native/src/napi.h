/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers for functions that JavaScript calls, and the list of those functions. */
#ifndef KERNSCALE_NAPI_H
#define KERNSCALE_NAPI_H

#include <node_api.h>

#include "session.h"

/* Wraps a Node-API call that can fail: returns NULL with its exception pending, or with one made here. */
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

/* Leaves an exception with that code pending; returns NULL, for `return throw(...)`. */
napi_value throw(napi_env env, const char *code, const char *message);

/* A kind of JavaScript object that wraps a native one. */
struct handle_kind {
	napi_type_tag tag; /* distinguishes this addon's objects from those of other addons */
	const char *name;  /* for messages */
};

/* Sessions. */
extern const struct handle_kind session_kind;

/*
 * Wraps `native` in an object, which closes it in close_handle or when it is garbage-collected. Takes ownership: closes
 * `native` if the object cannot be created.
 */
napi_value new_handle(napi_env env, const struct handle_kind *kind, void *native, void (*close)(void *native));

/* Returns the native object in the first of `wanted` arguments, or NULL with an exception pending. */
void *handle_argument(napi_env env, napi_callback_info info, const struct handle_kind *kind, size_t wanted,
		      napi_value *values);

/* handle_argument for a session. */
struct session *session_argument(napi_env env, napi_callback_info info, size_t wanted, napi_value *values);

/* Closes the native object in the only argument, unless it is closed already. */
napi_value close_handle(napi_env env, napi_callback_info info, const struct handle_kind *kind);

/* Set a property. Return NULL with an exception pending on error. */
napi_value set_string(napi_env env, napi_value object, const char *name, const char *text);
napi_value set_number(napi_env env, napi_value object, const char *name, double number);

/* snapshot.c */
napi_value read_snapshot(napi_env env, napi_callback_info info);

/* cgroup_events.c */
napi_value watch_events(napi_env env, napi_callback_info info);
napi_value take_events(napi_env env, napi_callback_info info);
/* Stops the listener that watch_events has set, if any. */
void end_watch(struct session *session);

/* program_stats.c; statuses are [{attached, probe, program, detail}...] */
napi_value list_programs(napi_env env, const struct programs *programs);
napi_value time_programs(napi_env env, napi_callback_info info);
napi_value read_costs(napi_env env, napi_callback_info info);

/* privileges.c */
napi_value drop_capabilities(napi_env env, napi_callback_info info);

#endif
