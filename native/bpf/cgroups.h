/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Tells user space of cgroups that come and go, so that a new container is tracked at once. */
#ifndef KERNSCALE_CGROUPS_H
#define KERNSCALE_CGROUPS_H

#include "threads.h"

/* Bound: about 220 events that user space has not fetched yet; more are counted, and make it scan. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} cgroup_events SEC(".maps");

/* By its parent, and not by its path: that begins at the hierarchy's root, which a mount of a part of it hides. */
static hot int tell(struct cgroup *cgroup, bool removed)
{
	struct cgroup_event *event;

	if (!is_unified(cgroup))
		return 0;
	event = bpf_ringbuf_reserve(&cgroup_events, sizeof(*event), 0);
	if (!event) {
		count_drop(DROP_EVENTS_FULL);
		return 0;
	}
	event->id = cgroup->kn->id;
	event->parent = cgroup->self.parent->cgroup->kn->id;
	event->removed = removed;
	bpf_probe_read_kernel_str(event->name, sizeof(event->name), cgroup->kn->name);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(cgroup_created, struct cgroup *cgroup)
{
	return tell(cgroup, false);
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(cgroup_removed, struct cgroup *cgroup)
{
	return tell(cgroup, true);
}

#endif
