/* SPDX-License-Identifier: Apache-2.0 */
/* The stack sampler: samples stacks on request, lists executable mappings, and names kernel addresses. */
#ifndef KERNSCALE_SRC_PROFILE_H
#define KERNSCALE_SRC_PROFILE_H

#include <node_api.h>

#include "../bpf/profile.h"
#include "programs.h"

struct sampler;

/* Bytes that a call returns; they stay valid until the next such call on that sampler. */
struct output {
	char *data;
	size_t size;
};

/*
 * Loads and attaches the programs with their clocks stopped. NULL and `failure` on error; programs that a kernel refuses
 * are reported and omitted.
 */
struct sampler *sampler_open(uint32_t hz, struct failure *failure);
void sampler_close(struct sampler *sampler);

const struct programs *sampler_programs(const struct sampler *sampler);

/* Samples threads in these cgroups and their descendants, instead of those selected before. 0 or -errno. */
int sampler_select(struct sampler *sampler, const uint64_t *cgroups, uint32_t count);

/* Starts or stops the clocks. 0 or -errno. */
int sampler_enable(struct sampler *sampler, bool enabled);

/* Returns the samples since the last call, each after its size as a 64-bit number, or NULL and `*error`: -errno. */
const struct output *sampler_take(struct sampler *sampler, int *error);

/*
 * Opens an iterator over the executable mappings of processes in the selected cgroups: each `struct mapping` precedes
 * its path. Returns a descriptor or -errno; -EOPNOTSUPP without the program `list_mappings`. Reading visits every
 * process of the machine, so it must not block the event loop.
 */
int sampler_mappings(struct sampler *sampler);

/*
 * Returns a line with the kernel's name of each of up to MAX_ADDRESSES addresses; an address without a name is printed
 * as it is. Returns no lines if neither `name_address` nor `list_names` is attached, or NULL and `*error`: -errno.
 */
const struct output *sampler_names(struct sampler *sampler, const uint64_t *addresses, uint32_t count, int *error);

/* Runs of the sampling program and samples lost because the buffer was full, since load. */
void sampler_counts(const struct sampler *sampler, uint64_t *runs, uint64_t *lost);

/* Adds the sampler's functions to the addon's exports. NULL with an exception pending on error. */
napi_value sampler_exports(napi_env env, napi_value exports);

#endif
