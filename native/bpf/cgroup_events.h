/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Reports created and removed cgroups to user space, so that a new container is tracked at once. */
#ifndef KERNSCALE_CGROUP_EVENTS_H
#define KERNSCALE_CGROUP_EVENTS_H

#include "threads.h"

/* Bound: about 220 events that user space has not fetched; further ones are dropped, and make user space scan. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} cgroup_events SEC(".maps");

/* Byte by byte, because lockdown=confidentiality refuses the helper that copies strings of the kernel. */
static __always_inline void copy_name(char copy[MAX_CGROUP_NAME], const char *name)
{
	for (__u32 i = 0; i < MAX_CGROUP_NAME; i++) {
		copy[i] = i < MAX_CGROUP_NAME - 1 ? peek_byte((__u64)name + i) : '\0';
		if (!copy[i])
			break;
	}
}

/* Identifies the cgroup by its parent: its path starts at the hierarchy's root, which a mount of a subtree hides. */
static __always_inline int report_cgroup(struct cgroup *cgroup, bool removed)
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
	copy_name(event->name, cgroup->kn->name);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(cgroup_created, struct cgroup *cgroup)
{
	return report_cgroup(cgroup, false);
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(cgroup_removed, struct cgroup *cgroup)
{
	return report_cgroup(cgroup, true);
}

#endif
