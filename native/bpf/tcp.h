/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The tcp probe: data given to a connection, data taken from it, and changes of its state.
 *
 * Received data is seen by tcp_rcv_space_adjust, which all ways of receiving call (recv, io_uring, splice, zero copy)
 * under the socket's lock and before the socket's clock advances, so that the clock shows when the data arrived. Sent
 * data is seen by sock_send_length or, before 6.3, by net_dev_queue. Both programs compare the socket's sequence
 * numbers with those of the last run, which reveals runs that the kernel skipped.
 */
#ifndef KERNSCALE_TCP_H
#define KERNSCALE_TCP_H

#include "serving.h"
#include "turnaround.h"

/* Largest packet: a longer response may have begun long before the call that sent it returned. */
#define PACKET_BYTES 65536

static __always_inline void note_sequences(struct connection *connection, struct tcp_sock *tcp)
{
	connection->sent = tcp->write_seq;
	connection->received = tcp->copied_seq;
	connection->arrived = tcp->rcv_nxt;
}

static __always_inline struct connection *open_connection(struct sock *sk, struct connection *connection)
{
	struct tcp_sock *tcp = tcp_of(sk);

	if (connection && tcp)
		note_sequences(connection, tcp);
	return connection;
}

static __noinline struct connection *make_connection(struct sock *sk, enum role role)
{
	struct connection *connection = take_table_entry(sk);
	__u64 socket;

	if (!connection)
		connection = bpf_sk_storage_get(&connection_storage, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!connection) {
		count_drop(DROP_CONNECTIONS_FULL);
		return NULL;
	}
	set_awaiting(connection, false);
	socket = connection->socket;
	__builtin_memset(connection, 0, sizeof(*connection));
	connection->socket = socket;
	connection->role = role;
	connection->peer_position = NO_POSITION;
	if (role == ROLE_CLIENT)
		read_peer(sk, &connection->peer);
	return connection;
}

/* Gives the table entry up to the next socket that needs it. */
static __always_inline void close_connection(struct connection *connection)
{
	end_serving(connection);
	connection->socket |= CLOSED;
}

/* Starts the record of a connection older than the probe, whose role is inferred, at its next message. */
static __noinline struct connection *adopt_connection(struct sock *sk)
{
	struct connection *connection =
		open_connection(sk, make_connection(sk, was_accepted(sk) ? ROLE_SERVER : ROLE_CLIENT));

	if (connection)
		connection_slot(connection);
	return connection;
}

static __always_inline void client_sent(struct connection *connection, struct tcp_sock *tcp, __u32 bytes)
{
	/* An acknowledgement has advanced the clock; the request was sent at the last transmission. */
	bool acknowledged = tcp->snd_una == tcp->write_seq;

	if (!connection->nr_outstanding)
		connection->request_start = connection->sent;
	if (!acknowledged)
		connection->arrived = tcp->rcv_nxt; /* nothing received so far can be the response */
	on_request(connection, acknowledged ? tcp->first_tx_mstamp : tcp->tcp_mstamp, bytes);
}

static __always_inline void server_sent(struct connection *connection, struct tcp_sock *tcp, __u32 bytes)
{
	__u64 now = tcp->tcp_mstamp, first_sent = tcp->first_tx_mstamp;
	struct turnaround turnaround;

	if (!connection->nr_outstanding) {
		turnaround = on_continuation(connection, now, SEPARATE_US);
	} else {
		/* The call may return long after the first byte left, and acknowledged data has no send time. */
		if (bytes > PACKET_BYTES && (__s32)(tcp->snd_una - connection->sent) > 0)
			connection->uncertain = true;
		if (!connection->overlapping && first_sent > connection->requests[0] && first_sent < now)
			now = first_sent;
		turnaround = on_response(connection, now);
	}
	response_sent(connection);
	if (turnaround.us >= 0 || turnaround.ambiguous)
		count_serve(connection, turnaround);
}

/* Compares what was sent and received since the last run. */
static __always_inline int on_sent(struct sock *sk, struct connection *connection)
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
		client_sent(connection, tcp, bytes);
	else
		server_sent(connection, tcp, bytes);
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

/* For kernels without sock_send_length. Runs for every packet, also in softirqs: receiving updates the slot. */
SEC("tp_btf/net_dev_queue")
int BPF_PROG(net_dev_queue, struct sk_buff *skb)
{
	struct sock *sk = skb->sk;
	struct connection *connection;
	__u8 state;

	if (!sk)
		return 0;
	state = sk->__sk_common.skc_state;
	/* In other states a socket sends no data, or is not a full socket. */
	if ((state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT) || !is_tcp(sk))
		return 0;
	connection = find_connection(sk);
	return connection ? on_sent(sk, connection) : 0;
}

static __always_inline void client_received(struct sock *sk, struct connection *connection, struct tcp_sock *tcp)
{
	bool is_new = (__s32)(connection->received - connection->arrived) > 0;
	__u32 sent = tcp->write_seq;
	struct turnaround turnaround;

	connection->arrived = tcp->rcv_nxt;
	if (sent != connection->sent && sk->__sk_common.skc_state == TCP_ESTABLISHED) {
		/* The request was missed, or the response overtook the run that would have recorded it. */
		if (!connection->nr_outstanding) {
			connection->request_start = connection->sent;
			on_request(connection, tcp->first_tx_mstamp, sent - connection->sent);
		}
		connection->sent = sent;
	}
	if (!is_new && !connection->overlapping)
		return; /* the rest of what had arrived before the request or at the last run */
	/* The peer cannot respond to a request of which it has nothing: this belongs to an earlier one. */
	if (connection->nr_outstanding && !connection->overlapping &&
	    (__s32)(tcp->snd_una - connection->request_start) <= 0) {
		connection->uncertain = true;
		return;
	}
	if (connection->nr_outstanding)
		turnaround = on_response(connection, tcp->tcp_mstamp);
	else
		turnaround = on_continuation(connection, tcp->tcp_mstamp, SEPARATE_US + (tcp->srtt_us >> 2));
	if (turnaround.us >= 0 || turnaround.ambiguous)
		count_wait(connection, turnaround);
}

static __always_inline void server_received(struct sock *sk, struct connection *connection, struct tcp_sock *tcp,
					    __u32 bytes)
{
	__u32 sent = tcp->write_seq;

	if (sent != connection->sent && sk->__sk_common.skc_state == TCP_ESTABLISHED) {
		connection->sent = sent;
		if (connection->nr_outstanding)
			resynchronise(connection);
	}
	on_request(connection, tcp->tcp_mstamp, bytes);
	request_read(connection);
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
		client_received(sk, connection, tcp);
	else
		server_received(sk, connection, tcp, bytes);
	return 0;
}

static __always_inline void on_client_state(struct sock *sk, struct connection *connection, int from, int to)
{
	struct peer_entry *peer;
	bool gave_up = to == TCP_FIN_WAIT1 && sk->sk_shutdown == SHUTDOWN_MASK;

	/* Connected, or no response can arrive any more: after the peer's end of data, or our own close(). */
	if (to == TCP_ESTABLISHED || to == TCP_CLOSE || to == TCP_CLOSE_WAIT || gave_up)
		set_awaiting(connection, false);
	/* Counts a connection, a failed attempt (even by the process's own time-out), or an end by an error. */
	if (to != TCP_ESTABLISHED && !(to == TCP_CLOSE && (from == TCP_SYN_SENT || sk->sk_err)))
		return;
	refresh_slot(connection, sk);
	peer = find_peer(connection);
	if (!peer)
		return;
	if (to == TCP_ESTABLISHED)
		__sync_fetch_and_add(&peer->scalars[PEER_CONNECTIONS], 1);
	else
		__sync_fetch_and_add(&peer->scalars[PEER_FAILURES], 1);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(inet_sock_set_state, struct sock *sk, int from, int to)
{
	struct connection *connection;

	if (!is_tcp(sk))
		return 0;
	if (to == TCP_SYN_SENT) {
		/* Only here the current task is certainly the one that connects. */
		connection = make_connection(sk, ROLE_CLIENT);
		if (connection) {
			connection_slot(connection);
			set_awaiting(connection, true);
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
		__sync_fetch_and_add(&peer->scalars[PEER_RETRANSMITS], 1);
	return 0;
}

#endif
