/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* TCP connections and their peers: who asks, who is asked, and who pays. */
#ifndef KERNSCALE_CONNECTIONS_H
#define KERNSCALE_CONNECTIONS_H

#include "connection.h"
#include "pool.h"
#include "reason.h"
#include "threads.h"

enum role { ROLE_CLIENT = 1, ROLE_SERVER };

/* Client side, by container and peer. Bound: four per container on average, set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct peer_entry);
} peers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct peer_key);
	__type(value, __u32);
} peers_index SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 1);
	__type(value, __u32);
} peers_freed SEC(".maps");

__u32 peers_fresh; /* entries never taken begin here */

/* Peers of each container in `peers`. Bound: containers + 1, set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} peer_counts SEC(".maps");

static hot __u32 connection_slot(struct connection *connection)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 cgroups = (__u64)task->cgroups;
	struct thread *thread;

	if (connection->cgroups != cgroups || connection->generation != generation) {
		thread = find_thread(task);
		if (!thread)
			return connection->slot;
		connection->generation = generation;
		connection->cgroups = cgroups;
		connection->slot = thread_slot(thread, task);
	}
	return connection->slot;
}

/*
 * Where no task of the container is at hand: in a timer, an interrupt, or long after its end, when its slot may be
 * another's. The socket keeps its cgroup.
 */
static hot void refresh_slot(struct connection *connection, struct sock *sk)
{
	if (connection->generation == generation)
		return;
	connection->generation = generation;
	connection->cgroups = 0;
	connection->slot = find_slot(sk->sk_cgrp_data.cgroup);
}

static hot void set_due(struct connection *connection, bool due)
{
	__s64 *count;

	if (connection->due == due)
		return;
	connection->due = due;
	if (due)
		connection->due_slot = connection->slot;
	count = bpf_map_lookup_elem(&outstanding, &connection->due_slot);
	/* A slot that was freed meanwhile starts again from zero. */
	if (count && (due || *count > 0))
		__sync_fetch_and_add(count, due ? 1 : -1);
}

static hot void read_peer(const struct sock *sk, struct peer_key *peer)
{
	const __u32 mapped_v4 = 0xffff0000; /* ::ffff:0:0/96, third word, as loaded on little endian */
	__u32 words[4];

	peer->port = bpf_ntohs(sk->__sk_common.skc_dport);
	peer->family = sk->__sk_common.skc_family;
	if (peer->family == AF_INET6) {
		BPF_CORE_READ_INTO(&words, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr32);
		if (words[0] || words[1] || words[2] != mapped_v4) {
			__builtin_memcpy(peer->address, words, sizeof(words));
			return;
		}
	}
	peer->family = AF_INET;
	*(__u32 *)peer->address = sk->__sk_common.skc_daddr;
}

/* Finds the connection's peer, and notes where. */
static hot struct peer_entry *look_up_peer(struct connection *connection)
{
	__u32 *place = bpf_map_lookup_elem(&peers_index, &connection->peer);
	struct peer_entry *peer;

	if (!place)
		return NULL;
	connection->peer_place = *place;
	peer = bpf_map_lookup_elem(&peers, place);
	if (peer)
		connection->peer_use = peer->use;
	return peer;
}

static hot bool add_peer(struct connection *connection)
{
	struct peer_key key = connection->peer;
	struct peer_entry *peer;
	__u32 place;

	peer = take_entry(&peers, &peers_freed, &peers_fresh, &place);
	if (!peer)
		return false;
	peer->key = key;
	return publish_entry((struct entry *)peer, &peers_index, &key, &peers_freed, &place);
}

static __noinline struct peer_entry *meet_peer(struct connection *connection)
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
	count_drop(DROP_PEERS_FOLDED);
	__builtin_memset(connection->peer.address, 0, sizeof(connection->peer.address));
	connection->peer.port = 0;
	connection->peer.family = 0;
	peer = look_up_peer(connection);
	if (peer)
		return peer;
	add_peer(connection);
	return look_up_peer(connection);
}

static hot struct peer_entry *find_peer(struct connection *connection)
{
	struct peer_entry *peer = bpf_map_lookup_elem(&peers, &connection->peer_place);

	if (!peer || peer->use != connection->peer_use || connection->peer.slot != connection->slot)
		peer = meet_peer(connection);
	if (peer && peer->last_seen != settle_clock)
		peer->last_seen = settle_clock; /* tells user space which peers to forget first */
	return peer;
}

static __noinline struct connection *make_connection(struct sock *sk, enum role role)
{
	struct connection *connection = take_place(sk);
	__u64 socket;

	if (!connection)
		connection = bpf_sk_storage_get(&connections, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!connection) {
		count_drop(DROP_CONNECTIONS_FULL);
		return NULL;
	}
	set_due(connection, false);
	socket = connection->socket;
	__builtin_memset(connection, 0, sizeof(*connection));
	connection->socket = socket;
	connection->role = role;
	connection->peer_place = NO_PLACE;
	if (role == ROLE_CLIENT)
		read_peer(sk, &connection->peer);
	return connection;
}

/* Another's may have its place from now on. */
static hot void close_connection(struct connection *connection)
{
	connection->socket |= CLOSED;
}

/* Nobody saw who opened it. */
static hot enum role guess_role(struct sock *sk)
{
	return was_accepted(sk) ? ROLE_SERVER : ROLE_CLIENT;
}

#endif
