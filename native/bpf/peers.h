/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Peers of client connections. */
#ifndef KERNSCALE_PEERS_H
#define KERNSCALE_PEERS_H

#include "connection.h"
#include "pool.h"
#include "sockets.h"

/*
 * The pool's entries; those from `peers_end` on were never used. Bound: PEERS_PER_CONTAINER per container, set before
 * loading. The entry at the position of a slot's number is that slot's `other`, so that no observation lacks one.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct peer_entry);
} peers SEC(".maps");

/* Key -> position in `peers`. Same bound. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct peer_key);
	__type(value, __u32);
} peers_index SEC(".maps");

/* Free positions, pushed by user space. Same bound. */
struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 1);
	__type(value, __u32);
} peers_free SEC(".maps");

__u32 peers_end; /* user space starts it behind the reserved entries */

/* Entries of each slot in `peers`, `other` not counted; user space subtracts evicted ones. Bound: containers + 1. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} peer_counts SEC(".maps");

/* Finds the connection's peer by key, and caches its position. */
static __always_inline struct peer_entry *look_up_peer(struct connection *connection)
{
	struct peer_key key = connection->peer; /* before 6.4, a key must be on the stack or in a map */
	__u32 *position = bpf_map_lookup_elem(&peers_index, &key);
	struct peer_entry *peer;

	if (!position)
		return NULL;
	connection->peer_position = *position;
	peer = bpf_map_lookup_elem(&peers, position);
	if (peer)
		connection->peer_id = peer->id;
	return peer;
}

static __always_inline bool add_peer(struct connection *connection)
{
	struct peer_key key = connection->peer;
	struct peer_entry *peer;
	__u32 position;

	peer = allocate_entry(&peers, &peers_free, &peers_end, &position);
	if (!peer)
		return false;
	peer->key = key;
	return publish_entry((struct entry *)peer, &peers_index, &key, &peers_free, &position);
}

/* The slot's entry for all peers beyond a limit. */
static __always_inline struct peer_entry *other_peer(struct connection *connection)
{
	__u32 slot = connection->peer.slot;
	struct peer_entry *peer;

	connection->peer_position = slot;
	peer = bpf_map_lookup_elem(&peers, &slot);
	if (!peer)
		return NULL;
	if (!peer->id) {
		peer->key.slot = slot;
		__sync_val_compare_and_swap(&peer->id, 0, __sync_fetch_and_add(&last_entry_id, 1) + 1);
	}
	connection->peer_id = peer->id;
	return peer;
}

/* Finds or adds the connection's peer; beyond a limit, it is folded into `other`. */
static __noinline struct peer_entry *find_or_add_peer(struct connection *connection)
{
	struct peer_entry *peer;
	__u64 *count;
	__u32 slot;

	if (!connection)
		return NULL;
	connection->peer.slot = connection->slot;
	peer = look_up_peer(connection);
	if (peer)
		return peer;
	slot = connection->slot;
	count = bpf_map_lookup_elem(&peer_counts, &slot);
	if (count && *count < MAX_PEERS_PER_SLOT && add_peer(connection))
		__sync_fetch_and_add(count, 1);
	peer = look_up_peer(connection);
	if (peer)
		return peer;
	count_drop(DROP_PEERS_FULL);
	return other_peer(connection);
}

static __always_inline struct peer_entry *find_peer(struct connection *connection)
{
	__u32 position = connection->peer_position;
	struct peer_entry *peer = bpf_map_lookup_elem(&peers, &position);

	if (!peer || peer->id != connection->peer_id || connection->peer.slot != connection->slot)
		peer = find_or_add_peer(connection);
	if (peer && peer->last_seen != flush_clock)
		peer->last_seen = flush_clock; /* user space evicts the peers seen longest ago */
	return peer;
}

#endif
