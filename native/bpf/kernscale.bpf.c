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

/* Puts types that only user space names into the object's type information, from which ../layout.ts is generated. */
const union layout_types {
	enum thread_state state;
	enum container_histogram histogram;
	enum container_scalar scalar;
	enum blockio_scalar blockio_scalar;
	enum peer_scalar peer_scalar;
	enum block_op block_op;
	enum drop drop;
	enum probe_name probe;
	enum time_bound time_bound;
	enum size_bound size_bound;
} *layout_types;

char LICENSE[] SEC("license") = "GPL";
