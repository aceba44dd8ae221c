/* SPDX-License-Identifier: Apache-2.0 */
/* Cgroups that came and went, and what the programs cost. */
#ifndef KERNSCALE_EVENTS_H
#define KERNSCALE_EVENTS_H

#include "session.h"

bool events_open(struct session *session, struct failure *failure);
void events_close(struct session *session);
/* Moves what the kernel has told since into session->events; they stay valid until the next call. */
int events_fetch(struct session *session);

struct program_cost {
	uint64_t runs;
	uint64_t nanoseconds;
};

/* The kernel counts runs and times of programs only between these two; it costs every program about 20 ns. */
int costs_start(struct session *session);
void costs_stop(struct session *session);
/* What was counted for one attached program, since it was loaded. False: it is not loaded. */
bool costs_read(const struct session *session, const char *program, struct program_cost *cost);

#endif
