/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Turnaround of requests on TCP connections: for a client, its last send to the first byte of the answer; for a
 * server, the request's arrival to the first byte it sends back. Both are one state machine that sees questions
 * and answers; the role says which direction is which.
 *
 * Times are the socket's own (tcp_mstamp: microseconds, refreshed by every segment), so that a client's wait
 * ends when the answer arrives, not when the client gets round to reading it.
 */
#ifndef KERNSCALE_TCP_H
#define KERNSCALE_TCP_H

#include "connections.h"

#define MSG_PEEK 2

#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_SYN_RECV 3
#define TCP_CLOSE 7
#define TCP_LISTEN 10

/*
 * A question that follows an unanswered one after this long is another question, unless it is so large that it
 * is rather the body of the one before.
 */
#define SEPARATE_US 1000
#define BODY_BYTES 4096
/* A pause after which an unanswered question was no question: too long to be a machine under load. */
#define QUIET_US 1000000
/* A client that sent so often and never got an answer is a stream (logs, metrics): nothing is due on it. */
#define STREAM_QUESTIONS 16

/* Microseconds; zero for what turns out to be no TCP socket. */
static hot __u64 tcp_clock(struct sock *sk)
{
	struct tcp_sock *tcp;

	if (bpf_rdonly_cast)
		return typed(struct tcp_sock, sk)->tcp_mstamp;
	tcp = bpf_skc_to_tcp_sock(sk);
	return tcp ? tcp->tcp_mstamp : 0;
}

static hot void forget_questions(struct connection *connection)
{
	connection->open = 0;
	connection->oldest = 0;
	connection->overlapping = false;
}

static hot void push_question(struct connection *connection, __u64 now)
{
	__u32 place;

	if (connection->open == MAX_QUESTIONS) {
		connection->oldest = (connection->oldest + 1) & (MAX_QUESTIONS - 1);
		connection->open--;
	}
	place = (connection->oldest + connection->open) & (MAX_QUESTIONS - 1);
	connection->questions[place] = now;
	connection->open++;
}

static hot void on_question(struct connection *connection, __u64 now, __u32 bytes)
{
	__u32 newest = (connection->oldest + connection->open - 1) & (MAX_QUESTIONS - 1);

	/* Quiet for much longer than an answer takes: whatever still looks open was answered together with others. */
	if (connection->open && connection->last_answer > connection->last_question &&
	    now > connection->last_answer + QUIET_US + 4 * connection->last_wait)
		forget_questions(connection);

	if (!connection->open) {
		push_question(connection, now);
	} else if (connection->overlapping ||
		   (now > connection->last_question + SEPARATE_US && bytes < BODY_BYTES)) {
		connection->overlapping = true;
		push_question(connection, now);
	} else {
		connection->questions[newest] = now; /* the same question goes on: its last byte counts */
	}
	connection->last_question = now;

	if (connection->role != ROLE_CLIENT)
		return;
	if (!connection->answered && connection->unanswered < STREAM_QUESTIONS)
		connection->unanswered++;
	set_due(connection, connection->answered || connection->unanswered < STREAM_QUESTIONS);
}

/* Answers the nanoseconds since the question asked first, or -1 when this only continues an answer. */
static hot __s64 on_answer(struct connection *connection, __u64 now, bool *overlapped)
{
	__u64 asked;

	if (!connection->open)
		return -1;
	*overlapped = connection->overlapping;
	asked = connection->questions[connection->oldest & (MAX_QUESTIONS - 1)];
	connection->oldest = (connection->oldest + 1) & (MAX_QUESTIONS - 1);
	connection->open--;
	if (!connection->open) {
		forget_questions(connection);
		set_due(connection, false);
	}
	connection->answered = true;
	connection->last_answer = now;
	connection->last_wait = now > asked ? now - asked : 0;
	return connection->last_wait * 1000;
}

static hot void count_wait(struct connection *connection, __u64 ns, bool overlapped)
{
	struct peer_value *peer = find_peer(connection);

	if (!peer)
		return;
	__sync_fetch_and_add(&peer->sum_ns, ns);
	__sync_fetch_and_add(&peer->buckets[time_bucket(ns)], 1);
	if (overlapped)
		__sync_fetch_and_add(&peer->overlapped, 1);
}

static hot void count_serve(struct connection *connection, __u64 ns, bool overlapped)
{
	struct row *row = find_row(connection->slot, bpf_get_smp_processor_id());

	if (!row)
		return;
	/* Process context: another thread of the container may run here half way through. */
	__sync_fetch_and_add(&row->tcp_serve.sum_ns, ns);
	__sync_fetch_and_add(&row->tcp_serve.buckets[time_bucket(ns)], 1);
	if (overlapped)
		__sync_fetch_and_add(&row->tcp_serve_overlapped, 1);
}

static hot int on_message(struct sock *sk, int bytes, enum role asking)
{
	struct connection *connection;
	bool overlapped = false;
	__s64 ns;

	if (bytes <= 0 || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	connection = bpf_sk_storage_get(&connections, sk, NULL, 0);
	if (!connection)
		connection = make_connection(sk, guess_role(sk));
	if (!connection)
		return 0;
	connection_slot(connection);
	if (connection->role == asking) {
		on_question(connection, tcp_clock(sk), bytes);
		return 0;
	}
	ns = on_answer(connection, tcp_clock(sk), &overlapped);
	if (ns < 0)
		return 0;
	if (connection->role == ROLE_CLIENT)
		count_wait(connection, ns, overlapped);
	else
		count_serve(connection, ns, overlapped);
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(sock_send_length, struct sock *sk, int ret, int flags)
{
	return on_message(sk, ret, ROLE_CLIENT);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(sock_recv_length, struct sock *sk, int ret, int flags)
{
	return flags & MSG_PEEK ? 0 : on_message(sk, ret, ROLE_SERVER);
}

static hot void count_listener(struct sock *sk, int change)
{
	__u32 port = sk->__sk_common.skc_num;
	__s32 *sockets = bpf_map_lookup_elem(&listeners, &port);

	if (sockets)
		__sync_fetch_and_add(sockets, change);
}

static hot void on_client_state(struct sock *sk, struct connection *connection, int from, int to)
{
	struct peer_value *peer;

	if (to == TCP_CLOSE)
		set_due(connection, false);
	if (!(from == TCP_SYN_SENT && to == TCP_ESTABLISHED) && !(to == TCP_CLOSE && sk->sk_err))
		return;
	peer = find_peer(connection);
	if (!peer)
		return;
	if (to == TCP_ESTABLISHED)
		__sync_fetch_and_add(&peer->connections, 1);
	else
		__sync_fetch_and_add(&peer->failures, 1);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(inet_sock_set_state, struct sock *sk, int from, int to)
{
	struct connection *connection;

	if (sk->sk_protocol != IPPROTO_TCP)
		return 0;
	if (to == TCP_LISTEN) {
		count_listener(sk, 1);
	} else if (from == TCP_LISTEN && to == TCP_CLOSE) {
		count_listener(sk, -1); /* not a new connection, which starts as a copy of its listener */
	} else if (to == TCP_SYN_SENT) {
		/* Only here is the current task sure to be the one that connects. */
		connection = make_connection(sk, ROLE_CLIENT);
		if (connection)
			connection_slot(connection);
	} else if (from == TCP_SYN_RECV && to == TCP_ESTABLISHED) {
		make_connection(sk, ROLE_SERVER);
	} else {
		connection = bpf_sk_storage_get(&connections, sk, NULL, 0);
		if (connection && connection->role == ROLE_CLIENT)
			on_client_state(sk, connection, from, to);
	}
	return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(tcp_retransmit, struct sock *sk)
{
	struct connection *connection = bpf_sk_storage_get(&connections, sk, NULL, 0);
	struct peer_value *peer;

	if (!connection || connection->role != ROLE_CLIENT)
		return 0;
	peer = find_peer(connection);
	if (peer)
		__sync_fetch_and_add(&peer->retransmits, 1);
	return 0;
}

#endif
