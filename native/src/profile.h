/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks on request: one set of disabled clocks, a buffer of samples, and what gives addresses their names. */
#ifndef KERNSCALE_SRC_PROFILE_H
#define KERNSCALE_SRC_PROFILE_H

#include <node_api.h>

#include "../bpf/profile.h"
#include "bytes.h"
#include "session.h"

struct sampler;

/*
 * Loads and attaches; nothing runs before `sampler_run`. NULL and `failure` on error; programs that a kernel refuses
 * are noted and left out.
 */
struct sampler *sampler_open(uint32_t hz, struct failure *failure);
void sampler_close(struct sampler *sampler);

const struct programs *sampler_programs(const struct sampler *sampler);

/* Samples these cgroups, and what is below them, in place of any others. 0 or -errno. */
int sampler_select(struct sampler *sampler, const uint64_t *cgroups, uint32_t count);

/* Lets the clocks tick on every CPU, or stops them. 0 or -errno. */
int sampler_run(struct sampler *sampler, bool on);

/*
 * Samples since the last call, each after its size as a 64-bit number; they stay valid until the next call on this
 * sampler, as do names. NULL: `*error` is -errno.
 */
const struct bytes *sampler_take(struct sampler *sampler, int *error);

/*
 * A descriptor to read `struct mapping`s from, each with its path behind it, of the processes of the selected cgroups;
 * or -errno: -EOPNOTSUPP without the program `list_mappings`. Reading looks at every process of the machine: not to be
 * done by a thread that others wait for.
 */
int sampler_mappings(struct sampler *sampler);

/* The kernel's names for up to MAX_ADDRESSES addresses, a line each; nothing if no program can tell them. */
const struct bytes *sampler_names(struct sampler *sampler, const uint64_t *addresses, uint32_t count, int *error);

/* How often the clocks' program ran, and how many samples found the buffer full, since it was loaded. */
void sampler_counts(const struct sampler *sampler, uint64_t *runs, uint64_t *lost);

/* Adds what JavaScript calls to the addon's exports; NULL with an exception pending on error. */
napi_value sampler_exports(napi_env env, napi_value exports);

#endif
