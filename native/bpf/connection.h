/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Per-connection records of TCP sockets, and the slot that a connection is billed to. */
#ifndef KERNSCALE_CONNECTION_H
#define KERNSCALE_CONNECTION_H

#include "threads.h"

#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_SYN_RECV 3
#define TCP_FIN_WAIT1 4
#define TCP_CLOSE 7
#define TCP_CLOSE_WAIT 8
#define SHUTDOWN_MASK 3 /* both directions: closed */

enum role { ROLE_CLIENT = 1, ROLE_SERVER };

/* Outstanding requests kept per connection; older ones are forgotten. */
#define MAX_REQUESTS 16

/*
 * One TCP connection. Times are microseconds of the socket's clock. An exchange without overlap touches the first two
 * cache lines only.
 */
struct connection {
	__u64 socket; /* owner of this entry of `connection_table`; 0: free; with CLOSED: free for another socket */
	__u32 sent;   /* write_seq and copied_seq at the last run; a gap shows that the kernel skipped a run */
	__u32 received;
	__u8 role;
	__u8 nr_outstanding; /* length of `requests` */
	__u8 oldest;         /* start of `requests` */
	bool overlapping;    /* several requests were outstanding at once */
	bool unexplained;    /* since the last request, data came that no request explains */
	bool maybe_several;  /* a request of several messages got a response: it may have been several requests */
	bool uncertain;      /* `unexplained` or `maybe_several` when the outstanding request was sent */
	__u8 streak;         /* requests of several messages in a row */
	bool awaiting;       /* client: counted in `outstanding` */
	bool responded;      /* at least one response so far */
	__u8 unresponded;    /* client: requests before the first response */
	__u8 messages;       /* messages of the newest request */
	__u32 slot;
	__u32 awaiting_slot; /* slot whose `outstanding` counts this connection */
	__u32 generation;    /* `generation` that `slot` was looked up in */
	__u32 request_start; /* write_seq before the outstanding request */
	__u32 arrived;       /* rcv_nxt at the last run: data up to there is not new */
	__u64 cgroups;       /* css_set that `slot` was looked up for */
	__u64 last_request;
	__u64 last_response;
	__u64 last_wait;
	struct peer_key peer;
	__u32 peer_position; /* in `peers`, valid while that entry's id is `peer_id` */
	__u32 peer_id;
	__u64 requests[MAX_REQUESTS]; /* ring of the times at which outstanding requests were sent */
	__u32 reader;                 /* server: pid of the thread that serves the request; 0: none (serving.h) */
	__u32 reserved[3];
};

#define CLOSED 1 /* flag in `socket`; the entry is kept, because the process may still read what came before the end */

/*
 * Connections by a hash of the socket's address: a lookup in socket storage costs 25 ns more per message. Bound: a
 * power of two, 1 MB. Of two sockets with the same hash, the later one uses `connection_storage`.
 */
#define CONNECTION_TABLE_BITS 12

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* page-aligned: four cache lines */
	__uint(max_entries, 1 << CONNECTION_TABLE_BITS);
	__type(key, __u32);
	__type(value, struct connection);
} connection_table SEC(".maps");

/* Connections whose entry of `connection_table` is taken. Bound: TCP sockets of the machine; freed with the socket. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct connection);
} connection_storage SEC(".maps");

static __always_inline struct tcp_sock *tcp_of(struct sock *sk)
{
	return bpf_rdonly_cast ? typed(struct tcp_sock, sk) : bpf_skc_to_tcp_sock(sk);
}

static __always_inline bool is_tcp(struct sock *sk)
{
	const __u16 stream = 1; /* SOCK_STREAM; raw and netlink sockets have other protocol numbers */

	return sk->sk_protocol == IPPROTO_TCP && sk->sk_type == stream;
}

static __always_inline struct connection *connection_table_entry(struct sock *sk)
{
	__u32 slab_unit = lower_half(sk) >> 6;
	__u32 index = slab_unit * 0x9e3779b1U >> (32 - CONNECTION_TABLE_BITS);

	return bpf_map_lookup_elem(&connection_table, &index);
}

static __always_inline struct connection *find_connection(struct sock *sk)
{
	struct connection *connection = connection_table_entry(sk);

	if (connection && (connection->socket & ~CLOSED) == (__u64)sk)
		return connection;
	return bpf_sk_storage_get(&connection_storage, sk, NULL, 0);
}

/* Takes the socket's entry if it is free. If the address is there already, it was that of an earlier socket. */
static __always_inline struct connection *take_table_entry(struct sock *sk)
{
	struct connection *connection = connection_table_entry(sk);
	__u64 owner;

	if (!connection)
		return NULL;
	owner = connection->socket;
	if (owner == (__u64)sk)
		return connection;
	if (owner && !(owner & CLOSED))
		return NULL;
	return __sync_val_compare_and_swap(&connection->socket, owner, (__u64)sk) == owner ? connection : NULL;
}

/* Looks into the flat array only, because the caller may hold no reference to the socket. */
static __always_inline bool awaits_no_response(struct sock *sk)
{
	struct connection *connection = connection_table_entry(sk);

	return connection && connection->socket == (__u64)sk && !connection->awaiting;
}

/* Slot of the current task, which sends or receives on the connection. */
static __always_inline __u32 connection_slot(struct connection *connection)
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
 * Looks the slot up from the socket's cgroup, for hooks that do not run in a task of the container (timers, interrupts)
 * or that run after its end, when its slot may have been reused.
 */
static __always_inline void refresh_slot(struct connection *connection, struct sock *sk)
{
	if (connection->generation == generation)
		return;
	connection->generation = generation;
	connection->cgroups = 0;
	connection->slot = find_slot(sk->sk_cgrp_data.cgroup);
}

/* Client: counts the connection in `outstanding` while a response is outstanding. */
static __always_inline void set_awaiting(struct connection *connection, bool awaiting)
{
	__s64 *count;

	if (connection->awaiting == awaiting)
		return;
	connection->awaiting = awaiting;
	if (awaiting)
		connection->awaiting_slot = connection->slot;
	count = bpf_map_lookup_elem(&outstanding, &connection->awaiting_slot);
	/* A slot that was freed in between has started again from zero. */
	if (count && (awaiting || *count > 0))
		__sync_fetch_and_add(count, awaiting ? 1 : -1);
}

#endif
