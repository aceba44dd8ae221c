/* SPDX-License-Identifier: Apache-2.0 */
/* Runs that the kernel left out. */
#ifndef KERNSCALE_SKIPPED_H
#define KERNSCALE_SKIPPED_H

#include "session.h"

/*
 * How many runs of our programs the kernel has skipped so far. It skips a program on a CPU where another run of it
 * has not ended, and since tracepoint programs can be preempted (seen on 7.x) any task can be in its way.
 */
uint64_t skipped_runs(const struct session *session);

#endif
