// SPDX-License-Identifier: Apache-2.0
/* The functions of the stack sampler that JavaScript calls. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "napi.h"
#include "profile.h"

static void close_stack_sampler(void *sampler)
{
	sampler_close(sampler);
}

static const struct handle_kind sampler_kind = {
	.tag = { 0x6b65726e7363616cULL, 0x652d73616d706c65ULL },
	.name = "stack sampler",
};

static struct sampler *sampler_argument(napi_env env, napi_callback_info info, size_t wanted, napi_value *values)
{
	return handle_argument(env, info, &sampler_kind, wanted, values);
}

static napi_value open_sampler(napi_env env, napi_callback_info info)
{
	struct failure failure = {};
	struct sampler *sampler;
	napi_value argument;
	size_t count = 1;
	uint32_t hz;

	CHECK(napi_get_cb_info(env, info, &count, &argument, NULL, NULL));
	CHECK(napi_get_value_uint32(env, argument, &hz));
	sampler = sampler_open(hz, &failure);
	return sampler ? new_handle(env, &sampler_kind, sampler, close_stack_sampler) :
			 throw(env, failure.code, failure.message);
}

static napi_value close_sampler(napi_env env, napi_callback_info info)
{
	return close_handle(env, info, &sampler_kind);
}

static napi_value list_sampler_programs(napi_env env, napi_callback_info info)
{
	napi_value argument;
	struct sampler *sampler = sampler_argument(env, info, 1, &argument);

	return sampler ? list_programs(env, sampler_programs(sampler)) : NULL;
}

/* Elements of a BigUint64Array, which owns them. */
static napi_value get_numbers(napi_env env, napi_value array, uint64_t **numbers, size_t *length)
{
	napi_typedarray_type type;
	napi_value buffer;
	size_t offset;

	CHECK(napi_get_typedarray_info(env, array, &type, length, (void **)numbers, &buffer, &offset));
	return type == napi_biguint64_array ? array : throw(env, "BAD_ARGUMENT", "not a BigUint64Array");
}

static napi_value select_cgroups(napi_env env, napi_callback_info info)
{
	napi_value values[2];
	struct sampler *sampler = sampler_argument(env, info, 2, values);
	uint64_t *cgroups;
	size_t length;
	int error;

	if (!sampler || !get_numbers(env, values[1], &cgroups, &length))
		return NULL;
	error = sampler_select(sampler, cgroups, length);
	return error ? throw(env, "READ_FAILED", strerror(-error)) : NULL;
}

static napi_value run_sampler(napi_env env, napi_callback_info info)
{
	napi_value values[2];
	struct sampler *sampler = sampler_argument(env, info, 2, values);
	bool enabled;
	int error;

	if (!sampler)
		return NULL;
	CHECK(napi_get_value_bool(env, values[1], &enabled));
	error = sampler_enable(sampler, enabled);
	return error ? throw(env, "READ_FAILED", strerror(-error)) : NULL;
}

static napi_value to_buffer(napi_env env, const struct output *output, int error)
{
	napi_value result;

	if (!output)
		return throw(env, "READ_FAILED", strerror(-error));
	CHECK(napi_create_buffer_copy(env, output->size, output->data, NULL, &result));
	return result;
}

static napi_value take_samples(napi_env env, napi_callback_info info)
{
	napi_value argument;
	struct sampler *sampler = sampler_argument(env, info, 1, &argument);
	int error = 0;

	return sampler ? to_buffer(env, sampler_take(sampler, &error), error) : NULL;
}

static napi_value open_mappings(napi_env env, napi_callback_info info)
{
	napi_value argument, result;
	struct sampler *sampler = sampler_argument(env, info, 1, &argument);
	int file;

	if (!sampler)
		return NULL;
	file = sampler_mappings(sampler);
	if (file < 0)
		return throw(env, "READ_FAILED", strerror(-file));
	CHECK(napi_create_int32(env, file, &result));
	return result;
}

static napi_value name_addresses(napi_env env, napi_callback_info info)
{
	napi_value values[2];
	struct sampler *sampler = sampler_argument(env, info, 2, values);
	uint64_t *addresses;
	size_t length;
	int error = 0;

	if (!sampler || !get_numbers(env, values[1], &addresses, &length))
		return NULL;
	return to_buffer(env, sampler_names(sampler, addresses, length, &error), error);
}

static napi_value read_counts(napi_env env, napi_callback_info info)
{
	napi_value argument, result;
	struct sampler *sampler = sampler_argument(env, info, 1, &argument);
	uint64_t runs, lost;

	if (!sampler)
		return NULL;
	sampler_counts(sampler, &runs, &lost);
	CHECK(napi_create_object(env, &result));
	return set_number(env, result, "runs", runs) ? set_number(env, result, "lost", lost) : NULL;
}

/*
 * (root, path): opens a file below another root directory. Returns a descriptor or -errno. A container controls the
 * path: links in it cannot lead out of the root, and opening a pipe does not block.
 */
static napi_value open_below(napi_env env, napi_callback_info info)
{
	const struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	char root[64], path[PATH_MAX];
	napi_value values[2], result;
	size_t count = 2, length;
	int directory, file;

	CHECK(napi_get_cb_info(env, info, &count, values, NULL, NULL));
	CHECK(napi_get_value_string_utf8(env, values[0], root, sizeof(root), &length));
	CHECK(napi_get_value_string_utf8(env, values[1], path, sizeof(path), &length));
	directory = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	file = directory < 0 ? -errno : (int)syscall(SYS_openat2, directory, path, &how, sizeof(how));
	if (directory >= 0 && file < 0)
		file = -errno;
	if (directory >= 0)
		close(directory);
	CHECK(napi_create_int32(env, file, &result));
	return result;
}

napi_value sampler_exports(napi_env env, napi_value exports)
{
	const napi_property_descriptor functions[] = {
		{ .utf8name = "openSampler", .method = open_sampler, .attributes = napi_enumerable },
		{ .utf8name = "closeSampler", .method = close_sampler, .attributes = napi_enumerable },
		{ .utf8name = "samplerPrograms", .method = list_sampler_programs, .attributes = napi_enumerable },
		{ .utf8name = "selectCgroups", .method = select_cgroups, .attributes = napi_enumerable },
		{ .utf8name = "runSampler", .method = run_sampler, .attributes = napi_enumerable },
		{ .utf8name = "takeSamples", .method = take_samples, .attributes = napi_enumerable },
		{ .utf8name = "openMappings", .method = open_mappings, .attributes = napi_enumerable },
		{ .utf8name = "nameAddresses", .method = name_addresses, .attributes = napi_enumerable },
		{ .utf8name = "samplerCounts", .method = read_counts, .attributes = napi_enumerable },
		{ .utf8name = "openBelow", .method = open_below, .attributes = napi_enumerable },
	};

	CHECK(napi_define_properties(env, exports, sizeof(functions) / sizeof(functions[0]), functions));
	return exports;
}
