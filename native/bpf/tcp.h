/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Where TCP connections are watched: when data was given to one, when a process takes data from one, and when one
 * changes its state.
 *
 * What a process takes is seen by tcp_rcv_space_adjust, which every way of receiving comes through (recv, io_uring,
 * splice, zero copy), under the socket's lock and before its clock moves on: the clock still shows when the data
 * arrived. What it gives is seen by sock_send_length; before 6.3, which has none, by net_dev_queue. Both only make
 * us look how far the socket's byte counters have moved, so that a run which the kernel skipped is noticed.
 */
#ifndef KERNSCALE_TCP_H
#define KERNSCALE_TCP_H

#include "turnaround.h"

#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_SYN_RECV 3
#define TCP_FIN_WAIT1 4
#define TCP_CLOSE 7
#define TCP_CLOSE_WAIT 8
#define SHUTDOWN_MASK 3 /* both directions: closed */

/* The most that one packet takes on: a longer answer may have begun long before the call that sent it ended. */
#define PACKET_BYTES 65536

static hot struct tcp_sock *tcp_of(struct sock *sk)
{
	return bpf_rdonly_cast ? typed(struct tcp_sock, sk) : bpf_skc_to_tcp_sock(sk);
}

static hot bool is_tcp(struct sock *sk)
{
	const __u16 stream = 1; /* SOCK_STREAM; raw and netlink sockets have protocol numbers of their own choice */

	return sk->sk_protocol == IPPROTO_TCP && sk->sk_type == stream;
}

static hot void look(struct connection *connection, struct tcp_sock *tcp)
{
	connection->sent = tcp->write_seq;
	connection->received = tcp->copied_seq;
	connection->arrived = tcp->rcv_nxt;
}

static hot struct connection *open_connection(struct sock *sk, struct connection *connection)
{
	struct tcp_sock *tcp = tcp_of(sk);

	if (connection && tcp)
		look(connection, tcp);
	return connection;
}

/* A connection older than the probe: from its next message on. */
static __noinline struct connection *adopt_connection(struct sock *sk)
{
	struct connection *connection = open_connection(sk, make_connection(sk, guess_role(sk)));

	if (connection)
		connection_slot(connection);
	return connection;
}

static hot void count_wait(struct connection *connection, struct turnaround turnaround)
{
	struct peer_entry *peer = find_peer(connection);

	if (!peer)
		return;
	if (turnaround.us >= 0) {
		__sync_fetch_and_add(&peer->sum_ns, turnaround.us * 1000);
		__sync_fetch_and_add(&peer->buckets[time_bucket(turnaround.us * 1000)], 1);
	}
	if (turnaround.ambiguous)
		__sync_fetch_and_add(&peer->overlapped, 1);
}

static hot void count_serve(struct connection *connection, struct turnaround turnaround)
{
	struct row *row = find_row(connection->slot, bpf_get_smp_processor_id());

	if (!row)
		return;
	/* Process context: another thread of the container may run here half way through. */
	if (turnaround.us >= 0) {
		__sync_fetch_and_add(&row->tcp_serve.sum_ns, turnaround.us * 1000);
		__sync_fetch_and_add(&row->tcp_serve.buckets[time_bucket(turnaround.us * 1000)], 1);
	}
	if (turnaround.ambiguous)
		__sync_fetch_and_add(&row->tcp_serve_overlapped, 1);
}

/* A question or an answer passed unseen: what is open now is unknown. FINs move the counters too, later on. */
static hot void resynchronise(struct connection *connection)
{
	count_drop(DROP_MESSAGES_MISSED);
	forget_questions(connection);
	set_due(connection, false);
}

static hot void ask(struct connection *connection, struct tcp_sock *tcp, __u32 bytes)
{
	/* The clock has moved on when the question is acknowledged already; then it is noted when that was sent. */
	bool acknowledged = tcp->snd_una == tcp->write_seq;

	if (!connection->open)
		connection->question_start = connection->sent;
	if (!acknowledged)
		connection->arrived = tcp->rcv_nxt; /* none of it can be the answer */
	on_question(connection, acknowledged ? tcp->first_tx_mstamp : tcp->tcp_mstamp, bytes);
}

static hot void serve(struct connection *connection, struct tcp_sock *tcp, __u32 bytes)
{
	__u64 now = tcp->tcp_mstamp, first_sent = tcp->first_tx_mstamp;
	struct turnaround turnaround;

	if (!connection->open) {
		turnaround = on_continuation(connection, now, SEPARATE_US);
	} else {
		/* The call has returned, maybe long after the first byte went; what was acknowledged is no more known. */
		if (bytes > PACKET_BYTES && (__s32)(tcp->snd_una - connection->sent) > 0)
			connection->uncertain = true;
		if (!connection->overlapping && first_sent > connection->questions[0] && first_sent < now)
			now = first_sent;
		turnaround = on_answer(connection, now);
	}
	if (turnaround.us >= 0 || turnaround.ambiguous)
		count_serve(connection, turnaround);
}

/* The socket was given data to send. */
static hot int on_sent(struct sock *sk, struct connection *connection)
{
	struct tcp_sock *tcp = tcp_of(sk);
	__u32 bytes, received;

	if (!tcp)
		return 0;
	bytes = tcp->write_seq - connection->sent;
	if (!bytes)
		return 0;
	received = tcp->copied_seq;
	if (received != connection->received && sk->__sk_common.skc_state == TCP_ESTABLISHED) {
		connection->received = received;
		resynchronise(connection);
	}
	if (connection->role == ROLE_CLIENT)
		ask(connection, tcp, bytes);
	else
		serve(connection, tcp, bytes);
	connection->sent += bytes;
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(sock_send_length, struct sock *sk, int ret, int flags)
{
	struct connection *connection;

	if (ret <= 0 || !is_tcp(sk))
		return 0;
	connection = find_connection(sk);
	if (!connection)
		connection = adopt_connection(sk);
	return connection ? on_sent(sk, connection) : 0;
}

/* For kernels without the above. Runs for every packet, also of softirqs: who pays is left to the receiving side. */
SEC("tp_btf/net_dev_queue")
int BPF_PROG(net_dev_queue, struct sk_buff *skb)
{
	struct sock *sk = skb->sk;
	struct connection *connection;
	__u8 state;

	if (!sk)
		return 0;
	state = sk->__sk_common.skc_state;
	/* Others send no data, or are no whole sockets. */
	if ((state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT) || !is_tcp(sk))
		return 0;
	connection = find_connection(sk);
	return connection ? on_sent(sk, connection) : 0;
}

static hot void hear(struct sock *sk, struct connection *connection, struct tcp_sock *tcp)
{
	bool is_new = (__s32)(connection->received - connection->arrived) > 0;
	__u32 sent = tcp->write_seq;
	struct turnaround turnaround;

	connection->arrived = tcp->rcv_nxt;
	if (sent != connection->sent && sk->__sk_common.skc_state == TCP_ESTABLISHED) {
		/* Asked unseen, or the answer was faster than the run that would have noted the question. */
		if (!connection->open) {
			connection->question_start = connection->sent;
			on_question(connection, tcp->first_tx_mstamp, sent - connection->sent);
		}
		connection->sent = sent;
	}
	if (!is_new && !connection->overlapping)
		return; /* the rest of what was there already when the question was asked, or at the last look */
	/* Before the peer has any of a question it cannot answer it: this belongs to something earlier. */
	if (connection->open && !connection->overlapping && (__s32)(tcp->snd_una - connection->question_start) <= 0) {
		connection->uncertain = true;
		return;
	}
	if (connection->open)
		turnaround = on_answer(connection, tcp->tcp_mstamp);
	else
		turnaround = on_continuation(connection, tcp->tcp_mstamp, SEPARATE_US + (tcp->srtt_us >> 2));
	if (turnaround.us >= 0 || turnaround.ambiguous)
		count_wait(connection, turnaround);
}

static hot void be_asked(struct sock *sk, struct connection *connection, struct tcp_sock *tcp, __u32 bytes)
{
	__u32 sent = tcp->write_seq;

	if (sent != connection->sent && sk->__sk_common.skc_state == TCP_ESTABLISHED) {
		connection->sent = sent;
		if (connection->open)
			resynchronise(connection);
	}
	on_question(connection, tcp->tcp_mstamp, bytes);
}

SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(tcp_rcv_space_adjust, struct sock *sk)
{
	struct connection *connection = find_connection(sk);
	struct tcp_sock *tcp = tcp_of(sk);
	__u32 bytes;

	if (!connection)
		connection = adopt_connection(sk);
	if (!connection || !tcp)
		return 0;
	bytes = tcp->copied_seq - connection->received;
	if (!bytes)
		return 0; /* only peeked at */
	connection->received += bytes;
	connection_slot(connection);
	if (connection->role == ROLE_CLIENT)
		hear(sk, connection, tcp);
	else
		be_asked(sk, connection, tcp, bytes);
	return 0;
}

static hot void on_client_state(struct sock *sk, struct connection *connection, int from, int to)
{
	struct peer_entry *peer;
	bool gave_up = to == TCP_FIN_WAIT1 && sk->sk_shutdown == SHUTDOWN_MASK;

	/* Connected. Or what has not arrived before the peer's end of data, or before our own close(), never will. */
	if (to == TCP_ESTABLISHED || to == TCP_CLOSE || to == TCP_CLOSE_WAIT || gave_up)
		set_due(connection, false);
	/* A connection attempt that ends, even by a time-out of the process' own, or an end that is an error. */
	if (to != TCP_ESTABLISHED && !(to == TCP_CLOSE && (from == TCP_SYN_SENT || sk->sk_err)))
		return;
	refresh_slot(connection, sk);
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

	if (!is_tcp(sk))
		return 0;
	if (to == TCP_SYN_SENT) {
		/* Only here is the current task sure to be the one that connects. */
		connection = make_connection(sk, ROLE_CLIENT);
		if (connection) {
			connection_slot(connection);
			set_due(connection, true);
		}
	} else if (from == TCP_SYN_SENT && to == TCP_ESTABLISHED) {
		connection = open_connection(sk, find_connection(sk) ?: make_connection(sk, ROLE_CLIENT));
		if (connection)
			on_client_state(sk, connection, from, to);
	} else if (from == TCP_SYN_RECV && to == TCP_ESTABLISHED) {
		open_connection(sk, make_connection(sk, ROLE_SERVER));
	} else {
		connection = find_connection(sk);
		if (connection && connection->role == ROLE_CLIENT)
			on_client_state(sk, connection, from, to);
		if (connection && to == TCP_CLOSE)
			close_connection(connection);
	}
	return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(tcp_retransmit, struct sock *sk)
{
	struct connection *connection = find_connection(sk);
	struct peer_entry *peer;

	if (!connection || connection->role != ROLE_CLIENT)
		return 0;
	refresh_slot(connection, sk);
	peer = find_peer(connection);
	if (peer)
		__sync_fetch_and_add(&peer->retransmits, 1);
	return 0;
}

#endif
