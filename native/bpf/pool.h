/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Pools: keyed entries in a flat array that user space maps and reads without system calls, beside a hash map, the
 * index, that maps a key to an entry's position. A cached position is valid as long as the entry's `id` is unchanged.
 *
 * Programs allocate entries; user space evicts and frees them (src/pool.c).
 */
#ifndef KERNSCALE_POOL_H
#define KERNSCALE_POOL_H

#include "common.h"

#define NO_POSITION (~0U)

/* `id` of the entry allocated last, in any pool. */
__u32 last_entry_id;

/* An entry from the free list, or the first one never used before; NULL when the pool is full. */
static __always_inline void *allocate_entry(void *entries, void *free_list, __u32 *end, __u32 *position)
{
	if (!bpf_map_pop_elem(free_list, position))
		return bpf_map_lookup_elem(entries, position);
	*position = *end;
	if (!bpf_map_lookup_elem(entries, position))
		return NULL;
	*position = __sync_fetch_and_add(end, 1);
	return bpf_map_lookup_elem(entries, position);
}

/*
 * Makes an entry with a complete key visible to user space and to lookups. False, and the entry is free again, when
 * another CPU published the same key first.
 */
static __always_inline bool publish_entry(struct entry *entry, void *index, const void *key, void *free_list,
					  __u32 *position)
{
	__sync_lock_test_and_set(&entry->id, __sync_fetch_and_add(&last_entry_id, 1) + 1);
	if (!bpf_map_update_elem(index, key, position, BPF_NOEXIST))
		return true;
	entry->id = 0;
	bpf_map_push_elem(free_list, position, BPF_ANY);
	return false;
}

#endif
