/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Pools: entries with a key in a flat array that user space reads without a system call, and a hash map that finds an
 * entry's place by its key. Who keeps a place needs no second search, as long as the entry's `use` is what it was.
 *
 * Entries are taken here and given back by user space, which retires them first (src/pools.c).
 */
#ifndef KERNSCALE_POOL_H
#define KERNSCALE_POOL_H

#include "common.h"

#define NO_PLACE (~0U)

/* Of every pool: `use` of the entry taken last. */
__u32 last_use;

/* An entry that user space gave back, or the first one never taken. NULL: there is none. */
static hot void *take_entry(void *entries, void *freed, __u32 *fresh, __u32 *place)
{
	if (!bpf_map_pop_elem(freed, place))
		return bpf_map_lookup_elem(entries, place);
	*place = *fresh;
	if (!bpf_map_lookup_elem(entries, place))
		return NULL;
	*place = __sync_fetch_and_add(fresh, 1);
	return bpf_map_lookup_elem(entries, place);
}

/* Lets user space see an entry of which the key is written, and programs find it. False: somebody else was faster. */
static hot bool publish_entry(struct entry *entry, void *index, const void *key, void *freed, __u32 *place)
{
	__sync_lock_test_and_set(&entry->use, __sync_fetch_and_add(&last_use, 1) + 1);
	if (!bpf_map_update_elem(index, key, place, BPF_NOEXIST))
		return true;
	entry->use = 0;
	bpf_map_push_elem(freed, place, BPF_ANY);
	return false;
}

#endif
