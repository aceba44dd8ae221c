/* SPDX-License-Identifier: Apache-2.0 */
/* Cgroups that came and went. */
#ifndef KERNSCALE_EVENTS_H
#define KERNSCALE_EVENTS_H

#include "session.h"

bool events_open(struct session *session, struct failure *failure);
void events_close(struct session *session);
/* Moves what the kernel has told since into session->events; they stay valid until the next call. */
int events_fetch(struct session *session);

#endif
