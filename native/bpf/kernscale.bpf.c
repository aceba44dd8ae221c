// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * All programs in one object, one header per probe, so that probes share maps. User space leaves out the programs that
 * a kernel refuses.
 */
#include "scheduler.h"
#include "uring.h"
#include "sampling.h"
#include "blockio.h"
#include "tcp.h"
#include "cgroup_events.h"

char LICENSE[] SEC("license") = "GPL";
