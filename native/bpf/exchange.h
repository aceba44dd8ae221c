/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Exchange of requests and responses on one TCP connection: a state machine without anything of the kernel, which the
 * hooks drive. Q are bytes from the client, A bytes from the server, whichever end is watched:
 *
 *              Q: request + 1                           A: response; its time is now - last byte of Q
 *   +------+ ------------------> +-----------+ --------------------------------> +-----------+
 *   | IDLE |                     | REQUESTED | --. Q: the request goes on        | RESPONDED | --. A: the response
 *   +------+ <------------------ +-----------+ <-'                               +-----------+ <-'    goes on
 *       one-way, goodbye: void         ^                                               |
 *       end: abandoned or dropped      |   Q, or bytes unread after A: request + 1     |
 *                                      +-----------------------------------------------+
 *
 * A response closes the turn, whatever lay in it, so no state survives a turn. Per connection, at every instant,
 *
 *     requests = responses + abandoned + dropped + void + outstanding
 *
 * Turnarounds of one connection never overlap: a request begins no earlier than the response before it.
 *
 * First bytes tell protocols that do not wait for each response, or send what needs none (first_bytes.h):
 *
 *     UNKNOWN --+-- HTTP1 -- 101 --> WEBSOCKET    turns; pipelined requests queue, 1xx and control frames are nothing
 *               +-- HTTP2                         no turns: a request per stream (http2.h)
 *               +-- TLS                           turns of data records; HTTP/2 in it by their lengths (tls.h)
 *               +-- MQTT, NATS, AMQP, REDIS, KAFKA   turns; what gets no response, or waits for work, is nothing
 *               +-- TURNS                         all others: never looked at again
 *
 * Events are comparisons of sequence numbers, not calls: each entry point accounts for whatever has moved since the
 * last one, so a hook that the kernel skipped costs no more than a time.
 */
#ifndef KERNSCALE_EXCHANGE_H
#define KERNSCALE_EXCHANGE_H

#include "first_bytes.h"
#include "verdicts.h"

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

/* `arrived` is known to a clock tick of up to 10 ms: it serves where `now` is much later than the data. */
#define TICKS_US 20000

static __always_inline __u64 arrival_time(struct socket_view *view)
{
	return view->arrived && elapsed_us(view->arrived, view->now) > TICKS_US ? view->arrived : view->now;
}

/* Protocols whose contents tell where a request begins: what was read counts, not what has arrived. */
static __always_inline bool is_framed(struct exchange *exchange)
{
	return exchange->protocol == PROTOCOL_HTTP2 || exchange->protocol == PROTOCOL_TLS ||
	       exchange->protocol == PROTOCOL_KAFKA;
}

/* What has arrived may be several responses, of which each call that reads shows some. */
static __always_inline bool has_pipelined(struct exchange *exchange)
{
	return exchange->protocol == PROTOCOL_HTTP1 && exchange->contents.nr_pipelined;
}

/* Protocols told by the first byte of each message: the rest of a message tells nothing. */
static __always_inline bool is_by_message(struct exchange *exchange)
{
	return exchange->protocol == PROTOCOL_MQTT || exchange->protocol == PROTOCOL_NATS ||
	       exchange->protocol == PROTOCOL_AMQP || exchange->protocol == PROTOCOL_WEBSOCKET;
}

/* Takes back what was counted of the first bytes before they told that they are no request. */
static __always_inline void take_back(struct exchange *exchange, __u8 before, __u64 at)
{
	if (before == PROTOCOL_UNKNOWN && is_framed(exchange) && exchange->turn == TURN_REQUESTED)
		settle_request(exchange, EXCHANGE_VOID, at);
}

static __always_inline __u32 judge_span(struct connection *connection, struct payload *payload, struct span *span)
{
	struct exchange *exchange = &connection->exchange;
	__u8 before = exchange->protocol;
	__u32 verdict;

	/* Of protocols that are not read only the last message of a connection is of interest. */
	if (!payload || (before == PROTOCOL_TURNS && span->to - span->from != QUIT_BYTES))
		return VERDICT_TURN;
	verdict = judge(connection, payload, span);
	take_back(exchange, before, span->at);
	return verdict;
}

/* Bytes that this side has sent, of which no hook has shown what they are. Returns whether they answered a request. */
static __always_inline bool account_unseen_output(struct exchange *exchange, struct socket_view *view, __u64 at)
{
	__u32 start = exchange->sent, end = sent_bytes_end(exchange, view);

	if (ahead(end, start) <= 0)
		return false;
	/* Their own hook will show it. A client's first request may be answered before. */
	if (exchange->protocol == PROTOCOL_HTTP2 ||
	    (exchange->protocol == PROTOCOL_TLS && !(exchange->step & TLS_READY)) ||
	    (exchange->protocol == PROTOCOL_UNKNOWN && exchange->role == ROLE_SERVER))
		return false;
	exchange->sent = end;
	if (exchange->role == ROLE_SERVER)
		return apply_response(exchange, VERDICT_TURN, at);
	apply_request(exchange, VERDICT_TURN, at, start, end - start);
	return false;
}

/* Bytes that this side has sent at `at`. Returns whether they answered a request. */
static __always_inline bool account_output(struct connection *connection, struct socket_view *view,
					   struct payload *payload, __u64 at)
{
	struct exchange *exchange = &connection->exchange;
	struct span span = {
		.at = at,
		.from = exchange->sent,
		.to = sent_bytes_end(exchange, view),
		.side = exchange->role == ROLE_CLIENT ? REQUESTS : RESPONSES,
	};
	__u32 verdict;

	if (ahead(span.to, span.from) <= 0) {
		/* Accounted for before their own hook came: only the frames go on. */
		if (view->bytes && (is_framed(exchange) || exchange->protocol == PROTOCOL_UNKNOWN)) {
			span.from = span.to - view->bytes;
			judge_span(connection, payload, &span);
		}
		return false;
	}
	exchange->sent = span.to;
	verdict = judge_span(connection, payload, &span);
	if (span.side == RESPONSES)
		return apply_response(exchange, verdict, at);
	apply_request(exchange, verdict, at, span.from, span.to - span.from);
	return false;
}

/* Bytes that have arrived up to `end`; the client's are part of a request, the server's of a response. */
static __always_inline void apply_input(struct exchange *exchange, struct socket_view *view, enum verdict verdict,
					__u64 at, __u32 end)
{
	__u32 start = exchange->received;

	if (ahead(end, start) > 0)
		exchange->received = end;
	else if (verdict != VERDICT_ANOTHER)
		return;
	if (exchange->role == ROLE_SERVER)
		apply_request(exchange, verdict, at, start, end - start);
	/* The peer cannot answer a request of which it has nothing. */
	else if (exchange->turn != TURN_REQUESTED || ahead(view->snd_una, exchange->start) > 0)
		apply_response(exchange, verdict, at);
}

/* Bytes that have arrived, read or not, of which no hook has shown what they are. */
static __always_inline void account_unseen_input(struct exchange *exchange, struct socket_view *view, __u64 at)
{
	if (!is_framed(exchange) && !is_by_message(exchange))
		apply_input(exchange, view, VERDICT_TURN, at, received_bytes_end(exchange, view));
}

/* A request that was counted when it arrived, and says now that it is read that it waits for work. */
static __always_inline void take_back_work(struct exchange *exchange, __u32 verdict, struct span *span)
{
	if (verdict != VERDICT_WORK || exchange->turn != TURN_REQUESTED || exchange->start != span->from)
		return;
	settle_request(exchange, EXCHANGE_VOID, span->at);
	exchange->received = span->from;
}

/* Bytes that this side has read. */
static __always_inline void account_input(struct connection *connection, struct socket_view *view,
					  struct payload *payload, __u64 at)
{
	struct exchange *exchange = &connection->exchange;
	struct span span = {
		.at = at,
		.unseen = view->write_seq != exchange->sent ? sending_time(view) : 0,
		.from = exchange->read,
		.to = view->copied_seq,
		.side = exchange->role == ROLE_CLIENT ? RESPONSES : REQUESTS,
	};
	__u32 verdict = VERDICT_TURN, end;
	bool read = ahead(span.to, span.from) > 0;

	if (read)
		exchange->read = span.to;
	if (is_by_message(exchange) && (!read || ahead(exchange->received, span.from) > 0))
		return;
	if (read)
		verdict = judge_span(connection, payload, &span);
	take_back_work(exchange, verdict, &span);
	end = received_bytes_end(exchange, view);
	if (is_framed(exchange) || has_pipelined(exchange) || (verdict == VERDICT_NOTHING && !is_by_message(exchange)))
		end = span.to;
	apply_input(exchange, view, verdict, at, end);
}

/* Server: nothing of the request was read, so what is sent is no response to it. */
static __always_inline bool is_push(struct exchange *exchange, struct socket_view *view)
{
	return exchange->turn == TURN_REQUESTED && ahead(view->copied_seq, exchange->start) <= 0 &&
	       ahead(received_bytes_end(exchange, view), view->copied_seq) > 0;
}

/* Server: bytes that are unread after a response are the next request. */
static __always_inline void account_next(struct exchange *exchange, struct socket_view *view)
{
	__u32 end = received_bytes_end(exchange, view);

	if (ahead(end, view->copied_seq) <= 0 || is_framed(exchange) || is_by_message(exchange) ||
	    exchange->turn == TURN_REQUESTED)
		return;
	exchange->received = end;
	on_request_bytes(exchange, exchange->responded, exchange->read, ahead(end, exchange->read));
	exchange->flags |= EXCHANGE_OVERLAPPED;
}

static __always_inline void account_unseen_sending(struct exchange *exchange, struct socket_view *view)
{
	if (is_push(exchange, view))
		exchange->sent = sent_bytes_end(exchange, view);
	else if (account_unseen_output(exchange, view, sending_time(view)) && exchange->role == ROLE_SERVER &&
		 ahead(exchange->received, exchange->read) > 0)
		account_next(exchange, view); /* it had arrived before the response */
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
	exchange->read = view->copied_seq;
	exchange->contents.readers[REQUESTS].next = role == ROLE_CLIENT ? view->write_seq : view->copied_seq;
	exchange->contents.readers[RESPONSES].next = role == ROLE_CLIENT ? view->copied_seq : view->write_seq;
	if (!halfway)
		return;
	exchange->last = view->now;
	exchange->received = view->rcv_nxt;
	exchange->contents.readers[REQUESTS].next--; /* not the connection's first bytes */
	if (view->state == TCP_CLOSE_WAIT || view->state == TCP_LAST_ACK || view->state == TCP_CLOSING) {
		exchange->received--;
		exchange->end = END_PEERS | (role == ROLE_CLIENT ? END_SERVER_FIRST : END_CLIENT_FIRST);
	}
}

static __always_inline void server_sent(struct connection *connection, struct socket_view *view,
					struct payload *payload)
{
	struct exchange *exchange = &connection->exchange;
	/* `first_sent` is of all that is not acknowledged yet: of the response, if nothing else was sent since the request. */
	bool known = view->first_sent > exchange->last && view->first_sent > exchange->responded &&
		     !(exchange->flags & EXCHANGE_ASIDE);

	if (ahead(view->copied_seq, exchange->received) > 0)
		account_unseen_input(exchange, view, view->now);
	if (is_push(exchange, view))
		exchange->sent = sent_bytes_end(exchange, view);
	else if (account_output(connection, view, payload, known ? sending_time(view) : view->now))
		account_next(exchange, view);
}

static __always_inline void client_sent(struct connection *connection, struct socket_view *view,
					struct payload *payload)
{
	struct exchange *exchange = &connection->exchange;

	/* The first data of a connection may have left with the SYN (TCP_FASTOPEN). */
	if (!exchange->last && exchange->sent == view->write_seq) {
		exchange->sent -= view->bytes;
		exchange->contents.readers[REQUESTS].next = exchange->sent;
	}
	/* What was read before was not seen; what is unread came, if the peer has nothing of this, before it. */
	if (ahead(view->copied_seq, exchange->received) > 0)
		account_unseen_input(exchange, view, view->now);
	account_output(connection, view, payload, view->snd_una == view->write_seq ? sending_time(view) : view->now);
	if (ahead(view->snd_una, exchange->start) <= 0 && !is_framed(exchange) && !is_by_message(exchange))
		exchange->received = received_bytes_end(exchange, view);
}

/* After a call that sent. */
static __always_inline void exchange_sent(struct connection *connection, struct socket_view *view,
					  struct payload *payload)
{
	if (is_settled(&connection->exchange))
		return;
	if (connection->exchange.role == ROLE_SERVER)
		server_sent(connection, view, payload);
	else
		client_sent(connection, view, payload);
}

/* After bytes were taken from the socket, before its clock advances. */
static __always_inline void exchange_read(struct connection *connection, struct socket_view *view,
					  struct payload *payload)
{
	struct exchange *exchange = &connection->exchange;

	if (is_settled(exchange))
		return;
	account_unseen_sending(exchange, view);
	account_input(connection, view, payload, exchange->end & END_PEERS ? arrival_time(view) : view->now);
}

/* Longest time for which a response may be held, if nothing else comes. */
#define HOLD_US 1000000

/* At read-out: counts a request that has arrived and was not read yet. */
static __always_inline void exchange_survey(struct exchange *exchange, struct socket_view *view)
{
	if (is_settled(exchange))
		return;
	if (exchange->flags & EXCHANGE_HELD && elapsed_us(exchange->last + exchange->held, view->now) > HOLD_US)
		settle_held(exchange);
	if (exchange->role == ROLE_SERVER && exchange->turn != TURN_REQUESTED)
		account_unseen_input(exchange, view, arrival_time(view));
}

/* Settles what is outstanding: nothing can be answered any more. */
static __always_inline void end_exchange(struct exchange *exchange, __u64 at)
{
	enum exchange_counter outcome = exchange->flags & EXCHANGE_GOODBYE ? EXCHANGE_VOID :
					exchange->end & END_CLIENT_FIRST   ? EXCHANGE_ABANDONED :
									     EXCHANGE_DROPPED;

	settle_held(exchange);
	exchange->end |= END_OVER;
	if (exchange->protocol == PROTOCOL_HTTP2)
		close_streams(exchange, outcome, at);
	else
		settle_requests(exchange, outcome, at);
}

/*
 * A client that goes right after a short message has said goodbye; so it has where the server goes after one of five
 * bytes, of which it may have read four (MySQL).
 */
static __always_inline bool is_farewell(struct exchange *exchange, struct socket_view *view, bool by_client)
{
	__u32 bytes = (exchange->role == ROLE_CLIENT ? exchange->sent : exchange->received) - exchange->start;
	__u32 pause = elapsed_us(exchange->last, view->now);

	if (exchange->turn != TURN_REQUESTED || view->failed || pause > GOODBYE_US)
		return false;
	if (!by_client)
		return bytes == QUIT_BYTES;
	/* Of bytes that were found only now, the pause is known to a clock tick. */
	return bytes <= GOODBYE_BYTES || (pause <= APART_US && exchange->last < view->now);
}

/* The first FIN or RST tells who went first. */
static __always_inline void note_end(struct exchange *exchange, struct socket_view *view, bool by_client)
{
	if (exchange->end & (END_CLIENT_FIRST | END_SERVER_FIRST))
		return;
	exchange->end |= by_client ? END_CLIENT_FIRST : END_SERVER_FIRST;
	if (is_farewell(exchange, view, by_client))
		exchange->flags |= EXCHANGE_GOODBYE;
}

/* At a change of state after the connection was established. */
static __always_inline void exchange_changed(struct exchange *exchange, struct socket_view *view)
{
	bool client = exchange->role == ROLE_CLIENT;
	bool ours = view->state == TCP_FIN_WAIT1 || view->state == TCP_LAST_ACK;
	bool peers = view->state == TCP_CLOSE_WAIT || view->state == TCP_CLOSING ||
		     (view->state == TCP_CLOSE && view->from == TCP_FIN_WAIT2 && !view->failed);

	if (!is_settled(exchange)) {
		settle_held(exchange); /* what is sent now are alerts */
		if (peers)
			exchange->end |= END_PEERS;
		if (client || exchange->turn == TURN_REQUESTED)
			account_unseen_sending(exchange, view);
		account_unseen_input(exchange, view, arrival_time(view));
	}
	/* The reset of a client that had gone may come before the hook of the call that responded. */
	if (exchange->end & END_LATE && view->state == TCP_CLOSE && view->failed) {
		sink_count(exchange, EXCHANGE_IN_VAIN, 1);
		exchange->end &= ~END_LATE;
	}
	if (is_settled(exchange))
		return;
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

#endif
