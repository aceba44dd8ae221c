/* SPDX-License-Identifier: Apache-2.0 */
/* What the functions given to JavaScript share. */
#ifndef KERNSCALE_NAPI_H
#define KERNSCALE_NAPI_H

#include <node_api.h>

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

/* Leaves an exception with that code pending; answers NULL, for `return throw(...)`. */
napi_value throw(napi_env env, const char *code, const char *message);

/* An object of JavaScript's that stands for something of ours, until that is closed or the object collected. */
struct handle_kind {
	napi_type_tag tag;     /* tells ours from anybody else's wrapped object */
	const char *name;      /* for messages */
	void (*close)(void *); /* what it stands for */
};

/* Takes `thing` over: it is closed when no handle can be made for it. */
napi_value new_handle(napi_env env, const struct handle_kind *kind, void *thing);

/* What the first of `wanted` arguments stands for, or NULL with an exception pending. */
void *handle_argument(napi_env env, napi_callback_info info, const struct handle_kind *kind, size_t wanted,
		      napi_value *values);

/* Closes what the only argument stands for, unless it is closed already. */
napi_value close_handle(napi_env env, napi_callback_info info, const struct handle_kind *kind);

/* The open session behind the first of `wanted` arguments, or NULL with an exception pending. */
struct session *arguments(napi_env env, napi_callback_info info, size_t wanted, napi_value *values);

/* Set a property; NULL with an exception pending when that fails. */
napi_value set_string(napi_env env, napi_value object, const char *name, const char *text);
napi_value set_number(napi_env env, napi_value object, const char *name, double number);

/* Functions of answers.c. */
napi_value list_programs(napi_env env, const struct programs *programs);
napi_value read_all(napi_env env, napi_callback_info info);
napi_value take_events(napi_env env, napi_callback_info info);
napi_value time_programs(napi_env env, napi_callback_info info);
napi_value read_costs(napi_env env, napi_callback_info info);

/* Of watch.c. */
napi_value watch_events(napi_env env, napi_callback_info info);

#endif
