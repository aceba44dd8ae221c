/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Survey: at every read-out, a walk over all connections counts outstanding requests, credits their time, and finds
 * requests that have arrived and were not read, also in accept queues.
 */
#ifndef KERNSCALE_SURVEY_H
#define KERNSCALE_SURVEY_H

#include "requests.h"

/* Time of the survey: microseconds of CLOCK_MONOTONIC. */
struct survey {
	__u64 now;
};

static __always_inline void survey_unread(struct connection *connection, __u64 now)
{
	struct tcp_sock *tcp = typed(struct tcp_sock, connection->socket);
	struct socket_view view = {};

	view.now = now;
	view.arrived = last_arrival(tcp, now);
	view.rcv_nxt = peek(tcp, rcv_nxt);
	view.copied_seq = peek(tcp, copied_seq);
	view.write_seq = peek(tcp, write_seq);
	view.first_sent = peek(tcp, first_tx_mstamp);
	view.snd_una = peek(tcp, snd_una);
	if (!sends_shown && !is_settled(&connection->exchange))
		account_unseen_sending(&connection->exchange, &view);
	exchange_survey(&connection->exchange, &view);
}

/* SYNs and last acknowledgements of handshakes that the listener has dropped, nearly always for a full queue. */
static __always_inline void survey_listener(struct connection *connection)
{
	struct sock *listener = typed(struct sock, connection->socket);
	__u32 drops = peek(listener, sk_drops.counter);
	struct shard *shard;

	if (drops == connection->drops)
		return;
	shard = shard_of(connection);
	if (shard)
		count(&shard->scalars[SCALAR_TCP_ACCEPT_OVERFLOWS], drops - connection->drops);
	connection->drops = drops;
}

static __always_inline void survey_outstanding(struct connection *connection, __u64 now)
{
	__u32 outstanding = connection->outstanding;
	__u64 ns = now > connection->since ? (now - connection->since) * 1000 * outstanding : 0;
	struct flushed *total;
	struct peer_entry *peer;
	__u32 slot;

	if (now > connection->since)
		connection->since = now;
	if (connection->exchange.role == ROLE_SERVER) {
		bill_to_socket(connection);
		slot = connection->slot;
		total = bpf_map_lookup_elem(&flushed, &slot);
		if (!total)
			return;
		total->outstanding += outstanding;
		total->outstanding_ns += ns;
		return;
	}
	peer = peer_of(connection);
	if (!peer)
		return;
	count(&peer->scalars[PEER_SENT_OUTSTANDING], outstanding);
	count(&peer->scalars[PEER_SENT_OUTSTANDING_NS], ns);
}

static long survey_connection(__u32 position, struct survey *survey)
{
	struct connection *connection = bpf_map_lookup_elem(&connections, &position);

	if (!connection || !connection->socket)
		return 0;
	if (connection->listening)
		survey_listener(connection);
	else if (!sends_shown || connection->exchange.flags & EXCHANGE_HELD ||
		 (connection->exchange.role == ROLE_SERVER && !connection->outstanding))
		survey_unread(connection, survey->now);
	if (connection->outstanding)
		survey_outstanding(connection, survey->now);
	return 0;
}

static __noinline int survey_connections(void)
{
	struct survey survey = { .now = bpf_ktime_get_ns() / 1000 };

	measure_tick(survey.now);
	bpf_loop(connections_end, survey_connection, &survey, 0);
	return 0;
}

#endif
