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

/* The open session behind the first of `wanted` arguments, or NULL with an exception pending. */
struct session *arguments(napi_env env, napi_callback_info info, size_t wanted, napi_value *values);

/* Set a property; NULL with an exception pending when that fails. */
napi_value set_string(napi_env env, napi_value object, const char *name, const char *text);
napi_value set_number(napi_env env, napi_value object, const char *name, double number);

/* Functions of answers.c. */
napi_value read_all(napi_env env, napi_callback_info info);
napi_value take_events(napi_env env, napi_callback_info info);
napi_value time_programs(napi_env env, napi_callback_info info);
napi_value read_costs(napi_env env, napi_callback_info info);

#endif
