// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* One object, so that the probes share their maps; user space drops the programs that a kernel cannot run. */
#include "scheduler.h"
#include "settle.h"
#include "moves.h"
#include "uring.h"
#include "sampling.h"
#include "blockio.h"
#include "tcp.h"
#include "cgroups.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
