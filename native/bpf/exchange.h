/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Exchange of requests and responses on one TCP connection: a state machine without anything of the kernel, which the
 * hooks drive. Q are bytes from the client, A bytes from the server, whichever end is watched:
 *
 *                Q: request + 1                          A: response, observe now - last byte of Q
 *     +------+ ------------------> +-----------+ ----------------------------> +-----------+
 *     | IDLE |                     | REQUESTED | --.                           | RESPONDED | --.
 *     +------+ <------------------ +-----------+ <-' Q: the request goes on    +-----------+ <-' A: the response
 *                one-way: void          ^                                            |          goes on
 *                end: abandoned,        |              Q: request + 1                |
 *                dropped or void        +--------------------------------------------+
 *
 * A response closes the turn, whatever lay in it, so no state survives a turn, and one odd message costs at most one
 * observation. Per connection, at every instant,
 *
 *     requests = responses + abandoned + dropped + void + outstanding
 *
 * Turnarounds of one connection never overlap: a request begins no earlier than the response before it.
 *
 * Events are comparisons of sequence numbers, not calls: each entry point accounts for whatever has moved since the
 * last one, so a hook that the kernel skipped costs no more than a time.
 */
#ifndef KERNSCALE_EXCHANGE_H
#define KERNSCALE_EXCHANGE_H

#include "turns.h"

static __always_inline __u32 sent_bytes_end(struct exchange *exchange, struct socket_view *view)
{
	return view->write_seq - !!(exchange->end & END_OURS);
}

static __always_inline __u32 received_bytes_end(struct exchange *exchange, struct socket_view *view)
{
	return view->rcv_nxt - !!(exchange->end & END_PEERS);
}

static __always_inline bool is_settled(struct exchange *exchange)
{
	return !exchange->role || exchange->end & END_OVER;
}

/* Time of bytes that left before this hook ran: the transmission's, where the socket still knows it. */
static __always_inline __u64 sending_time(struct socket_view *view)
{
	return view->first_sent && view->first_sent < view->now ? view->first_sent : view->now;
}

/* Client: what it sent. */
static __always_inline void account_request(struct exchange *exchange, struct socket_view *view, __u64 at)
{
	__u32 end = sent_bytes_end(exchange, view);
	__u32 start = exchange->sent;

	if (ahead(end, start) <= 0)
		return;
	exchange->sent = end;
	on_request_bytes(exchange, at, start, end - start);
}

/* Client: what it received, read or not. */
static __always_inline void account_response(struct exchange *exchange, struct socket_view *view)
{
	__u32 end = received_bytes_end(exchange, view);

	if (ahead(end, exchange->received) <= 0)
		return;
	exchange->received = end;
	/* The peer cannot answer a request of which it has nothing. */
	if (exchange->turn == TURN_REQUESTED && ahead(view->snd_una, exchange->start) <= 0)
		return;
	on_response_bytes(exchange, view->now);
}

/* Server: what it received up to `end`, read or not. */
static __always_inline void account_arrival(struct exchange *exchange, struct socket_view *view, __u32 end, __u64 at)
{
	__u32 start = exchange->received;

	if (ahead(end, start) <= 0)
		return;
	exchange->received = end;
	on_request_bytes(exchange, at, start, end - start);
}

/* Server: what it sent. Bytes that are unread after a response are the next request. */
static __always_inline void account_sending(struct exchange *exchange, struct socket_view *view, __u64 at)
{
	__u32 end = sent_bytes_end(exchange, view), arrived = received_bytes_end(exchange, view);
	bool unread = ahead(arrived, view->copied_seq) > 0;

	if (ahead(end, exchange->sent) <= 0)
		return;
	exchange->sent = end;
	/* Nothing of the request was read, so this is no response to it. */
	if (exchange->turn == TURN_REQUESTED && unread && ahead(view->copied_seq, exchange->start) <= 0)
		return;
	if (!on_response_bytes(exchange, at) || !unread)
		return;
	exchange->received = arrived;
	on_request_bytes(exchange, at, view->copied_seq, ahead(arrived, view->copied_seq));
	exchange->flags |= EXCHANGE_OVERLAPPED;
}

/* A connection is established, or found after it was: `halfway`, and nothing is known of what went before. */
static __always_inline void exchange_open(struct exchange *exchange, struct socket_view *view, enum role role,
					  bool halfway)
{
	__builtin_memset(exchange, 0, sizeof(*exchange));
	exchange->role = role;
	exchange->responds = 255;
	exchange->sent = view->write_seq;
	exchange->received = view->copied_seq;
	if (halfway) {
		exchange->last = view->now;
		exchange->received = view->rcv_nxt;
		if (view->state == TCP_CLOSE_WAIT || view->state == TCP_LAST_ACK || view->state == TCP_CLOSING)
			exchange->received--,
				exchange->end = END_PEERS | (role == ROLE_CLIENT ? END_SERVER_FIRST : END_CLIENT_FIRST);
	}
}

/* After a call that sent. */
static __always_inline void exchange_sent(struct exchange *exchange, struct socket_view *view, struct payload *payload)
{
	if (is_settled(exchange))
		return;
	/* The first data of a connection may have left with the SYN (TCP_FASTOPEN). */
	if (!exchange->last && exchange->sent == view->write_seq)
		exchange->sent -= view->bytes;
	if (exchange->role == ROLE_CLIENT) {
		/* What was read before was not seen; what is unread came, if the peer has nothing of this, before it. */
		if (ahead(view->copied_seq, exchange->received) > 0)
			account_response(exchange, view);
		account_request(exchange, view, view->snd_una == view->write_seq ? sending_time(view) : view->now);
		if (ahead(view->snd_una, exchange->start) <= 0)
			exchange->received = received_bytes_end(exchange, view);
	} else {
		account_arrival(exchange, view, view->copied_seq, view->now);
		account_sending(exchange, view, view->first_sent > exchange->last ? sending_time(view) : view->now);
	}
}

/* After bytes were taken from the socket, before its clock advances. */
static __always_inline void exchange_read(struct exchange *exchange, struct socket_view *view, struct payload *payload)
{
	if (is_settled(exchange))
		return;
	if (exchange->role == ROLE_CLIENT) {
		account_request(exchange, view, sending_time(view));
		account_response(exchange, view);
	} else {
		account_sending(exchange, view, sending_time(view));
		account_arrival(exchange, view, received_bytes_end(exchange, view), view->arrived ?: view->now);
	}
}

/* At read-out: counts a request that has arrived and was not read yet. */
static __always_inline void exchange_survey(struct exchange *exchange, struct socket_view *view)
{
	if (is_settled(exchange) || exchange->role != ROLE_SERVER || exchange->turn == TURN_REQUESTED)
		return;
	account_arrival(exchange, view, received_bytes_end(exchange, view), view->arrived ?: view->now);
}

/* Settles what is outstanding: nothing can be answered any more. */
static __always_inline void end_exchange(struct exchange *exchange, __u64 at)
{
	exchange->end |= END_OVER;
	if (exchange->turn != TURN_REQUESTED)
		return;
	if (exchange->flags & EXCHANGE_GOODBYE)
		settle_request(exchange, EXCHANGE_VOID, at);
	else
		settle_request(exchange, exchange->end & END_CLIENT_FIRST ? EXCHANGE_ABANDONED : EXCHANGE_DROPPED, at);
}

/* The first FIN or RST tells who went first. A client that goes right after a short message has said goodbye. */
static __always_inline void note_end(struct exchange *exchange, struct socket_view *view, bool by_client)
{
	__u32 bytes, pause;

	if (exchange->end & (END_CLIENT_FIRST | END_SERVER_FIRST))
		return;
	exchange->end |= by_client ? END_CLIENT_FIRST : END_SERVER_FIRST;
	if (!by_client || exchange->turn != TURN_REQUESTED || view->failed)
		return;
	bytes = (exchange->role == ROLE_CLIENT ? exchange->sent : exchange->received) - exchange->start;
	pause = elapsed(exchange->last, view->now);
	if (pause <= APART_US || (pause <= GOODBYE_US && bytes <= GOODBYE_BYTES))
		exchange->flags |= EXCHANGE_GOODBYE;
}

/* At a change of state after the connection was established. */
static __always_inline void exchange_changed(struct exchange *exchange, struct socket_view *view)
{
	bool client = exchange->role == ROLE_CLIENT;
	bool ours = view->state == TCP_FIN_WAIT1 || view->state == TCP_LAST_ACK;
	bool peers = view->state == TCP_CLOSE_WAIT || view->state == TCP_CLOSING ||
		     (view->state == TCP_CLOSE && view->from == TCP_FIN_WAIT2 && !view->failed);

	if (exchange->end & END_LATE && view->state == TCP_CLOSE && view->failed) {
		sink_count(exchange, EXCHANGE_IN_VAIN, 1);
		exchange->end &= ~END_LATE;
	}
	if (is_settled(exchange))
		return;
	if (peers)
		exchange->end |= END_PEERS;
	if (client) {
		account_request(exchange, view, sending_time(view));
		account_response(exchange, view);
	} else {
		account_sending(exchange, view, sending_time(view));
		account_arrival(exchange, view, received_bytes_end(exchange, view), view->arrived ?: view->now);
	}
	if (ours)
		note_end(exchange, view, client);
	else if (peers || view->failed)
		note_end(exchange, view, !client);
	else if (view->state == TCP_CLOSE)
		note_end(exchange, view, client);
	if (ours)
		exchange->end |= END_OURS;
	/* No response can come from here on: the server has ended its side, or the process has closed. */
	if (view->state == TCP_CLOSE || (ours && (view->closed || !client)) || (peers && client))
		end_exchange(exchange, view->now);
}

static __always_inline __u32 exchange_outstanding(struct exchange *exchange)
{
	return exchange->turn == TURN_REQUESTED;
}

/* Whether a client's poller waits for its peer. */
static __always_inline bool exchange_is_due(struct exchange *exchange)
{
	return exchange->role == ROLE_CLIENT && exchange_outstanding(exchange);
}

#endif
