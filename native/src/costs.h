/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs cost, as they time themselves. */
#ifndef KERNSCALE_COSTS_H
#define KERNSCALE_COSTS_H

#include "session.h"

struct program_cost {
	uint64_t runs;
	int64_t nanoseconds; /* less what the clock takes, hence below zero for runs that take less than it varies */
};

/* From then on, or no longer, every run of every program is timed. */
void costs_time(struct session *session, bool on);
/* What was timed of one program since it was loaded. False: it does not count. */
bool costs_read(const struct session *session, struct program_status *program, struct program_cost *cost);

#endif
