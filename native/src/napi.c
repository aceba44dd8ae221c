// SPDX-License-Identifier: Apache-2.0
#include "napi.h"

#include <stdio.h>
#include <stdlib.h>

struct handle {
	const struct handle_kind *kind;
	void *native; /* NULL once closed */
	void (*close)(void *native);
};

const struct handle_kind session_kind = {
	.tag = { 0x6b65726e7363616cULL, 0x652d68616e646c65ULL },
	.name = "set of probes",
};

napi_value throw(napi_env env, const char *code, const char *message)
{
	napi_throw_error(env, code, message);
	return NULL;
}

napi_value set_string(napi_env env, napi_value object, const char *name, const char *text)
{
	napi_value value;

	CHECK(napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value));
	CHECK(napi_set_named_property(env, object, name, value));
	return object;
}

napi_value set_number(napi_env env, napi_value object, const char *name, double number)
{
	napi_value value;

	CHECK(napi_create_double(env, number, &value));
	CHECK(napi_set_named_property(env, object, name, value));
	return object;
}

static void close_native(struct handle *handle)
{
	if (handle->native)
		handle->close(handle->native);
	handle->native = NULL;
}

static void free_handle(napi_env env, void *data, void *hint)
{
	(void)env;
	(void)hint;
	close_native(data);
	free(data);
}

napi_value new_handle(napi_env env, const struct handle_kind *kind, void *native, void (*close)(void *native))
{
	struct handle *handle = malloc(sizeof(*handle));
	napi_value object;

	if (!handle) {
		close(native);
		return throw(env, "NO_MEMORY", "no memory");
	}
	*handle = (struct handle){ kind, native, close };
	if (napi_create_object(env, &object) != napi_ok ||
	    napi_wrap(env, object, handle, free_handle, NULL, NULL) != napi_ok) {
		free_handle(env, handle, NULL);
		return throw(env, "NAPI_FAILED", "cannot create the handle");
	}
	CHECK(napi_type_tag_object(env, object, &kind->tag));
	return object;
}

static struct handle *first_argument(napi_env env, napi_callback_info info, const struct handle_kind *kind,
				     size_t wanted, napi_value *values)
{
	size_t count = wanted;
	bool ours = false;
	struct handle *handle;
	char message[128];

	CHECK(napi_get_cb_info(env, info, &count, values, NULL, NULL));
	if (count >= wanted)
		CHECK(napi_check_object_type_tag(env, values[0], &kind->tag, &ours));
	if (!ours) {
		snprintf(message, sizeof(message), "not a %s of this addon", kind->name);
		napi_throw_type_error(env, "BAD_ARGUMENT", message);
		return NULL;
	}
	CHECK(napi_unwrap(env, values[0], (void **)&handle));
	return handle;
}

void *handle_argument(napi_env env, napi_callback_info info, const struct handle_kind *kind, size_t wanted,
		      napi_value *values)
{
	struct handle *handle = first_argument(env, info, kind, wanted, values);
	char message[128];

	if (!handle)
		return NULL;
	if (!handle->native) {
		snprintf(message, sizeof(message), "the %s is closed", kind->name);
		throw(env, "CLOSED", message);
	}
	return handle->native;
}

struct session *session_argument(napi_env env, napi_callback_info info, size_t wanted, napi_value *values)
{
	return handle_argument(env, info, &session_kind, wanted, values);
}

napi_value close_handle(napi_env env, napi_callback_info info, const struct handle_kind *kind)
{
	napi_value argument;
	struct handle *handle = first_argument(env, info, kind, 1, &argument);

	if (handle)
		close_native(handle);
	return NULL;
}
