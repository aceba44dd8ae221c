/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The tcp probe: what is sent and taken from a connection, and changes of its state, drive exchange.h.
 *
 * Received data is seen by tcp_rcv_space_adjust, which all ways of receiving call (recv, io_uring, splice, zero copy)
 * under the socket's lock and before the socket's clock advances, so that the clock shows when the data arrived. Sent
 * data is seen by sock_send_length or, before 6.3, by net_dev_queue. What no hook has seen shows in the sequence numbers at
 * the next one, and what nobody has read yet at the next survey.
 */
#ifndef KERNSCALE_TCP_H
#define KERNSCALE_TCP_H

#include "payload.h"
#include "requests.h"
#include "serving.h"

#define SHUTDOWN_MASK 3 /* both directions: closed */

/* At a change of state tcp_mstamp is that of the last packet, which may be seconds old. */
static __always_inline void look(struct socket_view *view, struct connection *connection, struct tcp_sock *tcp,
				 __u64 now)
{
	view->now = now;
	view->first_sent = tcp->first_tx_mstamp;
	view->write_seq = tcp->write_seq;
	view->rcv_nxt = tcp->rcv_nxt;
	view->copied_seq = tcp->copied_seq;
	if (connection->exchange.end & END_PEERS && view->copied_seq == view->rcv_nxt)
		view->copied_seq--; /* the end of data was read */
	view->snd_una = tcp->snd_una;
}

/* Starts the record of a connection older than the probe, whose role is inferred, after its present message. */
static __noinline int adopt_connection(struct sock *sk)
{
	struct connection *connection;
	struct tcp_sock *tcp = sk ? tcp_of(sk) : NULL;
	struct socket_view view = {};

	if (!tcp || sk->__sk_common.skc_state == TCP_CLOSE)
		return 0;
	connection = make_connection(sk);
	if (!connection)
		return 0;
	look(&view, connection, tcp, tcp->tcp_mstamp);
	view.state = sk->__sk_common.skc_state;
	exchange_open(&connection->exchange, &view, was_accepted(sk) ? ROLE_SERVER : ROLE_CLIENT, true);
	connection->copied = view.copied_seq;
	return 0;
}

/* Opens the server's end of a connection; its first data may have come with the SYN already. */
static __noinline struct connection *open_server(struct sock *sk)
{
	struct connection *connection = make_connection(sk);
	struct tcp_sock *tcp = sk ? tcp_of(sk) : NULL;
	struct socket_view view = {};

	if (!connection || !tcp)
		return NULL;
	look(&view, connection, tcp, tcp->tcp_mstamp);
	connection->peer.port = sk->__sk_common.skc_num;
	view.copied_seq = tcp->rcv_nxt - (__u32)tcp->bytes_received;
	exchange_open(&connection->exchange, &view, ROLE_SERVER, false);
	connection->copied = view.copied_seq;
	return connection;
}

/* `bytes`: given to the call, whose buffer shows them; 0: not known. */
static __always_inline int on_sent(struct sock *sk, struct connection *connection, __u32 bytes)
{
	struct tcp_sock *tcp = tcp_of(sk);
	struct socket_view view = {};
	struct payload payload = {};

	if (!tcp)
		return 0;
	look(&view, connection, tcp, tcp->tcp_mstamp);
	view.bytes = bytes;
	payload.begin = view.write_seq - bytes;
	payload.end = view.write_seq;
	exchange_sent(connection, &view, &payload);
	if (!connection->outstanding)
		response_sent(connection);
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
		return adopt_connection(sk);
	if (!sends_shown)
		sends_shown = true;
	bill_to_task(connection);
	return on_sent(sk, connection, ret);
}

/* For kernels without sock_send_length. Runs for every packet, also in softirqs: the process updates the slot. */
SEC("tp_btf/net_dev_queue")
int BPF_PROG(net_dev_queue, struct sk_buff *skb)
{
	struct sock *sk = skb->sk;
	struct connection *connection;
	struct tcp_sock *tcp;
	__u8 state;

	if (!sk)
		return 0;
	state = sk->__sk_common.skc_state;
	/* In other states a socket sends no data, or is not a full socket. */
	if ((state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT) || !is_tcp(sk))
		return 0;
	connection = find_connection(sk);
	tcp = tcp_of(sk);
	if (!connection || !tcp || tcp->write_seq == connection->exchange.sent)
		return 0;
	return on_sent(sk, connection, 0);
}

SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(tcp_rcv_space_adjust, struct sock *sk)
{
	struct connection *connection = find_connection(sk);
	struct tcp_sock *tcp = tcp_of(sk);
	struct socket_view view = {};
	struct payload payload = {};

	if (!tcp)
		return 0;
	if (!connection && sk->__sk_common.skc_state == TCP_SYN_RECV)
		connection = open_server(sk);
	if (!connection)
		return adopt_connection(sk);
	bill_to_task(connection);
	look(&view, connection, tcp, tcp->tcp_mstamp);
	if (connection->exchange.end & END_PEERS)
		view.arrived = last_arrival(tcp, bpf_ktime_get_ns() / 1000);
	payload.begin = connection->copied;
	payload.end = view.copied_seq;
	connection->copied = view.copied_seq;
	if (connection->exchange.protocol != PROTOCOL_TURNS)
		continue_read(connection, &payload, view.rcv_nxt);
	exchange_read(connection, &view, &payload);
	if (connection->exchange.role == ROLE_SERVER && connection->outstanding)
		request_read(connection);
	return 0;
}

static __always_inline void count_for_peer(struct connection *connection, enum peer_scalar scalar)
{
	struct peer_entry *peer = peer_of(connection);

	if (peer)
		count(&peer->scalars[scalar], 1);
}

/* Only here the current task is certainly the one that connects. */
static __always_inline void on_connecting(struct sock *sk, __u64 now)
{
	struct connection *connection = make_connection(sk);

	if (!connection)
		return;
	connection->connecting = true;
	bill_to_task(connection);
	set_connection_due(connection, true, now);
}

/* Data that left with the SYN is the first request. */
static __always_inline void on_connected(struct sock *sk, struct connection *connection, __u64 now)
{
	struct tcp_sock *tcp = tcp_of(sk);
	struct socket_view view = {};
	__u32 early;

	if (!tcp)
		return;
	look(&view, connection, tcp, now);
	early = tcp->bytes_sent - tcp->bytes_retrans;
	set_connection_due(connection, false, now);
	connection->connecting = false;
	view.write_seq -= early;
	exchange_open(&connection->exchange, &view, ROLE_CLIENT, false);
	connection->copied = view.copied_seq;
	count_for_peer(connection, PEER_CONNECTIONS);
	if (!early)
		return;
	view.write_seq += early;
	exchange_sent(connection, &view, NULL);
}

static __always_inline void on_accepted(struct sock *sk, __u64 now)
{
	struct connection *connection = find_connection(sk);
	struct tcp_sock *tcp = tcp_of(sk);
	struct socket_view view = {};

	if (!connection || connection->exchange.role != ROLE_SERVER)
		connection = open_server(sk);
	if (!connection || !tcp || !tcp->bytes_received)
		return;
	look(&view, connection, tcp, now);
	exchange_survey(&connection->exchange, &view);
}

static __always_inline void on_changed(struct sock *sk, int from, int to, __u64 now)
{
	struct connection *connection = find_connection(sk);
	struct tcp_sock *tcp = tcp_of(sk);
	struct socket_view view = {};

	if (!connection || !tcp)
		return;
	view.state = to;
	view.from = from;
	view.closed = sk->sk_shutdown == SHUTDOWN_MASK;
	view.failed = sk->sk_err;
	view.arrived = last_arrival(tcp, now);
	look(&view, connection, tcp, now);
	if (connection->exchange.role)
		exchange_changed(&connection->exchange, &view);
	if (to == TCP_CLOSE_WAIT && connection->exchange.role == ROLE_SERVER && connection->outstanding)
		note_desertion(connection);
	/* An attempt that failed, even by the process's own time-out, or an end by an error. */
	if (to == TCP_CLOSE && (connection->connecting || (connection->exchange.role == ROLE_CLIENT && view.failed)))
		count_for_peer(connection, PEER_FAILURES);
	if (to == TCP_CLOSE) {
		set_connection_due(connection, false, now);
		end_serving(connection);
	}
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(inet_sock_set_state, struct sock *sk, int from, int to)
{
	__u64 now = bpf_ktime_get_ns() / 1000;
	struct connection *connection;

	if (!is_tcp(sk))
		return 0;
	if (to == TCP_SYN_SENT) {
		on_connecting(sk, now);
	} else if (from == TCP_SYN_SENT && to == TCP_ESTABLISHED) {
		connection = find_connection(sk) ?: make_connection(sk);
		if (connection)
			on_connected(sk, connection, now);
	} else if (from == TCP_SYN_RECV && to == TCP_ESTABLISHED) {
		on_accepted(sk, now);
	} else if (to == TCP_LISTEN) {
		connection = make_connection(sk);
		if (connection)
			connection->listening = true;
	} else if (to != TCP_SYN_RECV) {
		on_changed(sk, from, to, now);
	}
	if (to == TCP_CLOSE)
		release_connection(sk);
	return 0;
}

static __always_inline int adopt_listener(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	struct connection *connection;
	struct socket *socket;
	struct sock *sk;

	barrier_var(file); /* the verifier checks the value that is used, so it is loaded once */
	socket = file ? bpf_sock_from_file(file) : NULL;
	sk = socket ? socket->sk : NULL;
	if (!sk || !is_tcp(sk) || sk->__sk_common.skc_state != TCP_LISTEN || find_connection(sk))
		return 0;
	connection = make_connection(sk);
	if (!connection)
		return 0;
	connection->listening = true;
	connection->drops = sk->sk_drops.counter;
	return 0;
}

DEFINE_COST(adopt_listeners);

/* Run once: finds the listening sockets that are older than the programs. */
SEC("iter/task_file")
int adopt_listeners(struct bpf_iter__task_file *ctx)
{
	return timed(adopt_listeners, adopt_listener(ctx));
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(tcp_retransmit, struct sock *sk)
{
	struct connection *connection = find_connection(sk);

	if (connection && (connection->connecting || connection->exchange.role == ROLE_CLIENT))
		count_for_peer(connection, PEER_RETRANSMITS);
	return 0;
}

#endif
