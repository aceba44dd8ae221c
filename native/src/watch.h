/* SPDX-License-Identifier: Apache-2.0 */
/* Has JavaScript fetch cgroup events when there are some. */
#ifndef KERNSCALE_WATCH_H
#define KERNSCALE_WATCH_H

#include "session.h"

/* Tells nobody from now on. */
void watch_end(struct watch *watch);

#endif
