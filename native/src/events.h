/* SPDX-License-Identifier: Apache-2.0 */
/* Cgroups that came and went. */
#ifndef KERNSCALE_EVENTS_H
#define KERNSCALE_EVENTS_H

#include "session.h"

bool events_open(struct session *session, struct failure *failure);
void events_close(struct session *session);
/*
 * Moves what the kernel has told since into session->events; they stay valid until the next call. Negative: -errno.
 * `lost`: how many it could not tell meanwhile.
 */
int events_fetch(struct session *session, uint64_t *lost);

#endif
