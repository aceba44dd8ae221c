// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * The probes as they are, but for a bpf_ktime_get_ns beside each look at the run queue's clock: what they would cost
 * if they took the clock that other tools take. Reading both keeps every interval, and so every branch, as it is.
 */
#include "states.h"

#define runqueue_clock(task) (bpf_ktime_get_ns(), runqueue_clock(task))

#include "kernscale.bpf.c"
