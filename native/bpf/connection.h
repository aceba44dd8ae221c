/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* What is known of a TCP connection, and where it is kept. */
#ifndef KERNSCALE_CONNECTION_H
#define KERNSCALE_CONNECTION_H

#include "common.h"

/* Questions in flight told apart on one connection; older ones are forgotten. */
#define MAX_QUESTIONS 16

/* What a turnaround without overlap touches comes first: two cache lines. */
struct connection {
	__u64 socket;   /* whose place this is; 0: nobody's; with CLOSED, whoever's needs one */
	__u32 sent;     /* write_seq and copied_seq when last looked at: a run that the kernel skipped shows */
	__u32 received;
	__u8 role;
	__u8 open;        /* number of open questions */
	__u8 oldest;
	bool overlapping; /* several questions were open at once */
	bool stray;       /* data came that no question explains, since the last question */
	bool indebted;    /* a question of several messages was answered: were they several questions? */
	bool uncertain;   /* the open question was asked when either was so */
	__u8 streak;      /* questions of several messages in a row */
	bool due;         /* counted in `outstanding` */
	bool answered;    /* ever */
	__u8 unanswered;
	__u8 messages;    /* that the newest question consists of */
	__u32 slot;
	__u32 due_slot; /* whose `outstanding` this connection raised */
	__u32 generation;
	__u32 question_start; /* write_seq before the open question */
	__u32 arrived;        /* rcv_nxt when last looked at: up to there, data is not new */
	__u64 cgroups;        /* css_set that `slot` was looked up for */
	__u64 last_question;
	__u64 last_answer;
	__u64 last_wait;
	struct peer_key peer;
	__u32 peer_place; /* in `peers`, where it is while that entry's use is `peer_use` */
	__u32 peer_use;
	__u64 questions[MAX_QUESTIONS]; /* when each open question was asked, oldest at `oldest` */
	__u64 reserved[2];
};

#define CLOSED 1 /* in `socket`, which is a pointer: the process may still read what came before the end */

/*
 * Connections by their sockets' addresses: a look-up in socket storage costs a message 25 ns more. Bound: a power of
 * two, 1 MB. Where two want one place, the later one gets socket storage.
 */
#define CONNECTION_PLACE_BITS 12

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* page-aligned: four cache lines */
	__uint(max_entries, 1 << CONNECTION_PLACE_BITS);
	__type(key, __u32);
	__type(value, struct connection);
} connection_places SEC(".maps");

/* Freed by the kernel with the socket. Bound: the sockets of the machine. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct connection);
} connections SEC(".maps");

static hot struct connection *place_of_socket(struct sock *sk)
{
	__u32 slab_unit = lower_half(sk) >> 6;
	__u32 place = slab_unit * 0x9e3779b1U >> (32 - CONNECTION_PLACE_BITS);

	return bpf_map_lookup_elem(&connection_places, &place);
}

static hot struct connection *find_connection(struct sock *sk)
{
	struct connection *connection = place_of_socket(sk);

	if (connection && (connection->socket & ~CLOSED) == (__u64)sk)
		return connection;
	return bpf_sk_storage_get(&connections, sk, NULL, 0);
}

/* Its place, if that is free. An address that is in its place already was another socket's before. */
static hot struct connection *take_place(struct sock *sk)
{
	struct connection *connection = place_of_socket(sk);
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

/* By its own record, in the flat array alone: callers may hold no reference to the socket. */
static hot bool is_answered(struct sock *sk)
{
	struct connection *connection = place_of_socket(sk);

	return connection && connection->socket == (__u64)sk && !connection->due;
}

#endif
