// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * The probes with an additional bpf_ktime_get_ns at each read of the run queue's clock: their cost with the clock of
 * other tools. Reading both keeps every interval, and so every branch, unchanged.
 */
#include "states.h"

#define runqueue_clock(task) (bpf_ktime_get_ns(), runqueue_clock(task))

#include "kernscale.bpf.c"
