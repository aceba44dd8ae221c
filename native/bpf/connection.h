/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Per-connection records of TCP sockets, and the slot that a connection is billed to. */
#ifndef KERNSCALE_CONNECTION_H
#define KERNSCALE_CONNECTION_H

#include "threads.h"
#include "pool.h"

#include "exchange_state.h"

#define TCP_SYN_SENT 2
#define TCP_SYN_RECV 3
#define TCP_LISTEN 10

#define AF_INET 2
#define AF_INET6 10

/*
 * One TCP connection, or a listener (`listening`). Times are microseconds of the socket's clock, CLOCK_MONOTONIC.
 * Turns touch the first two cache lines only.
 */
struct connection {
	__u64 socket; /* owner of this entry; 0: free */
	__u32 slot;
	__u32 generation; /* `generation` that `slot` was looked up in; 0: not yet */
	__u64 cgroups;    /* css_set that `slot` was looked up for; 0: the socket's cgroup */
	__u32 peer_position;
	__u32 peer_id; /* `peer_position` is valid while the entry there has this id */
	__u64 since;   /* time up to which outstanding requests are credited */
	__u64 leased;  /* client: a response is due at least until then */
	__u32 outstanding;
	__u32 due_slot; /* slot whose `due` counts this connection */
	bool is_due;    /* counted there: a response is due, or the connection is being established */
	bool connecting;
	bool listening;
	bool requested : 1; /* server: at least one request; before, the client may be one that tries again */
	bool deserted : 1;  /* server: its client has gone while a request waited, and is noted as a deserter */
	union {
		__u32 copied; /* copied_seq at the last read */
		__u32 drops;  /* listener: sk_drops that are counted */
	};
	struct exchange exchange;
	struct peer_key peer; /* of a server's connection, the port is its own */
	/* The last call that read, if it was looked into: its buffer, what of the stream it can hold, and whether it reads on. */
	__u64 read_buffer;
	__u32 read_begin, read_limit;
	bool read_goes_on;
	__u32 reader; /* server: pid of the thread that serves the requests; 0: none (serving.h) */
} __attribute__((aligned(64)));

/* The records. Bound: by the machine's memory, set before loading; those from `connections_end` on were never used. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* page-aligned */
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct connection);
} connections SEC(".maps");

/* Free positions in `connections`. Same bound. */
struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 1);
	__type(value, __u32);
} connections_free SEC(".maps");

__u32 connections_end;

bool sends_shown; /* sock_send_length runs on this kernel; on others, what was sent shows later */

/*
 * Socket -> position, by a hash of the socket's address: lower half of the address, and position + 1 above it; 0: free.
 * A cell lies in the line of its hash or in the next one.
 */
#define LINE_CELLS 8
struct connection_line {
	__u64 cells[LINE_CELLS];
} __attribute__((aligned(64)));

/* Bound: a power of two that leaves at least half of all cells free, set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct connection_line);
} connection_index SEC(".maps");

const volatile __u32 connection_index_bits = 0; /* log2 of its bound */

static __always_inline struct connection_line *connection_line(__u32 socket, __u32 number)
{
	__u32 hash = (socket >> 6) * 0x9e3779b1U; /* sockets are aligned to cache lines */
	__u32 index = (hash >> (32 - connection_index_bits)) ^ number;

	return bpf_map_lookup_elem(&connection_index, &index);
}

static __always_inline struct tcp_sock *tcp_of(struct sock *sk)
{
	return bpf_rdonly_cast ? typed(struct tcp_sock, sk) : bpf_skc_to_tcp_sock(sk);
}

static __always_inline bool is_tcp(struct sock *sk)
{
	const __u16 stream = 1; /* SOCK_STREAM; raw and netlink sockets have other protocol numbers */

	return sk->sk_protocol == IPPROTO_TCP && sk->sk_type == stream;
}

/* Finds the cell of a record, which is also found from contexts that hold no reference to the socket. */
static __always_inline __u64 *find_cell(const void *socket, struct connection **found)
{
	__u32 half = lower_half(socket);
	struct connection_line *line;
	struct connection *connection;
	__u32 position;
	__u64 cell;

	for (int number = 0; number < 2; number++) {
		line = connection_line(half, number);
		if (!line)
			return NULL;
		for (int i = 0; i < LINE_CELLS; i++) {
			cell = line->cells[i];
			if ((__u32)cell != half || !cell)
				continue;
			position = (cell >> 32) - 1;
			connection = bpf_map_lookup_elem(&connections, &position);
			if (connection && connection->socket == (__u64)socket) {
				*found = connection;
				return &line->cells[i];
			}
		}
	}
	return NULL;
}

static __always_inline struct connection *find_connection(const void *socket)
{
	struct connection *connection = NULL;

	find_cell(socket, &connection);
	return connection;
}

static __always_inline bool add_cell(const void *socket, __u32 position)
{
	__u32 half = lower_half(socket);
	__u64 cell = half | (__u64)(position + 1) << 32;
	struct connection_line *line;

	for (int number = 0; number < 2; number++) {
		line = connection_line(half, number);
		if (!line)
			return false;
		for (int i = 0; i < LINE_CELLS; i++)
			if (!line->cells[i] && !__sync_val_compare_and_swap(&line->cells[i], 0, cell))
				return true;
	}
	return false;
}

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

/* Returns an empty record for the socket, in place of one that an earlier socket of the same address has left. */
static __noinline struct connection *make_connection(struct sock *sk)
{
	struct connection *connection = NULL;
	__u32 position;

	if (!sk)
		return NULL;
	if (!find_cell(sk, &connection)) {
		connection = allocate_entry(&connections, &connections_free, &connections_end, &position);
		if (!connection || !add_cell(sk, position)) {
			if (connection)
				bpf_map_push_elem(&connections_free, &position, BPF_ANY);
			count_drop(DROP_CONNECTIONS_FULL);
			return NULL;
		}
	}
	__builtin_memset(connection, 0, sizeof(*connection));
	connection->peer_position = NO_POSITION;
	read_peer(sk, &connection->peer);
	connection->socket = (__u64)sk;
	return connection;
}

static __noinline int release_connection(struct sock *sk)
{
	struct connection *connection = NULL;
	__u64 *cell = sk ? find_cell(sk, &connection) : NULL;
	__u32 position;

	if (!cell || !connection)
		return 0;
	position = (*cell >> 32) - 1;
	connection->socket = 0;
	*cell = 0;
	bpf_map_push_elem(&connections_free, &position, BPF_ANY);
	return 0;
}

/* Not inlined, to spare the stack of the deeper calls: kernels before 6.13 have 512 bytes for all of them together. */
static __noinline int find_task_slot(struct connection *connection)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread = connection ? find_thread(task) : NULL;

	if (!thread)
		return 0;
	connection->generation = generation;
	connection->cgroups = (__u64)task->cgroups;
	connection->slot = thread_slot(thread, task);
	return 0;
}

/* Slot of the current task, which sends or receives on the connection. */
static __always_inline void bill_to_task(struct connection *connection)
{
	__u64 cgroups = (__u64)bpf_get_current_task_btf()->cgroups;

	if (connection->cgroups != cgroups || connection->generation != generation)
		find_task_slot(connection);
}

/*
 * Looks the slot up from the socket's cgroup, for hooks that do not run in a task of the container (timers, interrupts)
 * or that run after its end, when its slot may have been reused.
 */
static __always_inline void bill_to_socket(struct connection *connection)
{
	struct sock *sk = typed(struct sock, connection->socket);

	if (connection->generation == generation)
		return;
	connection->generation = generation;
	connection->cgroups = 0;
	connection->slot = find_slot_by_address(peek(sk, sk_cgrp_data.cgroup));
}

#endif
