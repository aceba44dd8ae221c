/* SPDX-License-Identifier: Apache-2.0 */
/* Giving up, for good, what only loading and attaching needed. */
#ifndef KERNSCALE_PRIVILEGES_H
#define KERNSCALE_PRIVILEGES_H

#include <stdbool.h>
#include <stdint.h>

#include "session.h"

/*
 * Leaves every thread of the process without capabilities, without a bounding set (where CAP_SETPCAP allows) and with
 * no_new_privs. `*kept` is what reading the maps needs on this kernel, and what it has of `wanted`. False and `failure`
 * when a thread keeps more.
 */
bool privileges_drop(const struct session *session, uint64_t wanted, uint64_t *kept, struct failure *failure);

#endif
