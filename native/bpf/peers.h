/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Peers of client connections. */
#ifndef KERNSCALE_PEERS_H
#define KERNSCALE_PEERS_H

#include "connection.h"
#include "pool.h"
#include "sockets.h"

/* The pool's entries; those from `peers_end` on were never used. Bound: four per container, set before loading. */
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

__u32 peers_end;

/* Entries of each slot in `peers`, `other` not counted; user space subtracts evicted ones. Bound: containers + 1. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} peer_counts SEC(".maps");

static __always_inline void read_peer(const struct sock *sk, struct peer_key *peer)
{
	const __u32 mapped_v4 = 0xffff0000; /* ::ffff:0:0/96, third word, as loaded on little endian */
	__u32 words[4];

	peer->port = bpf_ntohs(sk->__sk_common.skc_dport);
	peer->family = sk->__sk_common.skc_family;
	if (peer->family == AF_INET6) {
#pragma unroll
		for (int i = 0; i < 4; i++)
			words[i] = sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[i];
		if (words[0] || words[1] || words[2] != mapped_v4) {
			__builtin_memcpy(peer->address, words, sizeof(words));
			return;
		}
	}
	peer->family = AF_INET;
	*(__u32 *)peer->address = sk->__sk_common.skc_daddr;
}

/* Finds the connection's peer by key, and caches its position. */
static __always_inline struct peer_entry *look_up_peer(struct connection *connection)
{
	__u32 *position = bpf_map_lookup_elem(&peers_index, &connection->peer);
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

/* Finds or adds the connection's peer; beyond a limit, folds it into `other`. */
static __noinline struct peer_entry *find_or_add_peer(struct connection *connection)
{
	struct peer_entry *peer;
	__u64 *count;

	if (!connection)
		return NULL;
	connection->peer.slot = connection->slot;
	peer = look_up_peer(connection);
	if (peer)
		return peer;
	count = bpf_map_lookup_elem(&peer_counts, &connection->peer.slot);
	if (count && *count < MAX_PEERS_PER_SLOT && add_peer(connection))
		__sync_fetch_and_add(count, 1);
	peer = look_up_peer(connection);
	if (peer)
		return peer;
	count_drop(DROP_PEERS_FULL);
	__builtin_memset(connection->peer.address, 0, sizeof(connection->peer.address));
	connection->peer.port = 0;
	connection->peer.family = 0;
	peer = look_up_peer(connection);
	if (peer)
		return peer;
	add_peer(connection);
	return look_up_peer(connection);
}

static __always_inline struct peer_entry *find_peer(struct connection *connection)
{
	struct peer_entry *peer = bpf_map_lookup_elem(&peers, &connection->peer_position);

	if (!peer || peer->id != connection->peer_id || connection->peer.slot != connection->slot)
		peer = find_or_add_peer(connection);
	if (peer && peer->last_seen != flush_clock)
		peer->last_seen = flush_clock; /* user space evicts the peers seen longest ago */
	return peer;
}

#endif
