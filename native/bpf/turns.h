/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Turns of an exchange: see exchange.h. */
#ifndef KERNSCALE_TURNS_H
#define KERNSCALE_TURNS_H

#include "exchange_state.h"

/* A piece this long after the one before may be another request; one of this size is the rest of an upload. */
#define APART_US 1000
#define REST_BYTES 4096
/* Pieces in one turn that tell several requests in flight from one request in pieces. */
#define SEVERAL_PIECES 3
/* A last message this short, and this close to the end of its connection, takes leave (PostgreSQL's X, MySQL's QUIT). */
#define GOODBYE_BYTES 16
#define GOODBYE_US 20000

/*
 * Rule O, one-way. `responds` falls with each request that follows another without a response, the faster the longer
 * that took, and rises with each response.
 */
#define ONE_WAY 16
#define TWO_WAY 64

static __always_inline void note_response(struct exchange *exchange)
{
	exchange->responds += (256 - exchange->responds) >> 3;
	if (exchange->responds >= TWO_WAY)
		exchange->flags &= ~EXCHANGE_ONE_WAY;
}

static __always_inline void note_no_response(struct exchange *exchange, __u32 pause)
{
	__u8 responds = exchange->responds;

	if (pause > 16ULL * exchange->usual + 100000)
		responds >>= 2;
	else if (pause > 4ULL * exchange->usual + 10000)
		responds -= responds >> 2;
	else
		responds -= responds >> 3;
	exchange->responds = responds;
	if (responds < ONE_WAY)
		exchange->flags |= EXCHANGE_ONE_WAY;
}

/*
 * Rule L, longer than usual: long polls, and peers that hang. `usual` may be the connection's or the peer's; long waits
 * hardly move it.
 */
#define LONG_FACTOR 16
#define LONG_US 250000

static __always_inline bool is_long_wait(__u32 *usual, __u32 us)
{
	bool is_long = *usual && us > LONG_US && us > (__u64)LONG_FACTOR * *usual;
	__s64 excess = (__s64)us - *usual;

	if (!*usual)
		*usual = us ?: 1;
	else
		*usual += is_long ? excess >> 6 : excess >> 3;
	return is_long;
}

static __always_inline void set_due(struct exchange *exchange, bool due, __u64 at)
{
	if (exchange->role == ROLE_CLIENT)
		sink_due(exchange, due, at);
}

/* Takes back or gives up the outstanding request. */
static __always_inline void settle_request(struct exchange *exchange, enum exchange_counter outcome, __u64 at)
{
	exchange->turn = TURN_IDLE;
	sink_count(exchange, outcome, 1);
	sink_outstanding(exchange, -1, at);
	set_due(exchange, false, at);
}

static __always_inline void begin_request(struct exchange *exchange, __u64 at, __u32 start)
{
	__u32 pause;

	if (at < exchange->responded)
		at = exchange->responded;
	pause = elapsed_us(exchange->responded, at);
	if (exchange->responded)
		sink_think(exchange, pause);
	exchange->flags &= ~(EXCHANGE_OVERLAPPED | EXCHANGE_CONTINUED | EXCHANGE_QUIET | EXCHANGE_WORK |
			     EXCHANGE_PERHAPS | EXCHANGE_ASIDE | EXCHANGE_UPGRADE);
	if (pause > 100000 && pause > 4ULL * exchange->usual)
		exchange->flags |= EXCHANGE_QUIET;
	exchange->turn = TURN_REQUESTED;
	exchange->pieces = 1;
	exchange->start = start;
	exchange->first = at;
	exchange->last = at;
	sink_count(exchange, EXCHANGE_REQUESTS, 1);
	sink_outstanding(exchange, 1, at);
	set_due(exchange, true, at);
}

/*
 * Several in flight, where they cannot be read: the poller waits also for a response to the last request, after the
 * first response. A lease and no count, because a count leaks one for each message that gets no response.
 */
static __always_inline void note_several(struct exchange *exchange, __u64 at, bool apart)
{
	bool recent = (__u32)at - exchange->overlapped < 8ULL * exchange->flight;

	if (exchange->role != ROLE_CLIENT)
		return;
	if (apart && (recent || exchange->pieces >= SEVERAL_PIECES))
		exchange->flags |= EXCHANGE_SEVERAL;
	else if (!recent)
		exchange->flags &= ~EXCHANGE_SEVERAL;
	if (apart)
		exchange->overlapped = at;
	if (exchange->flags & EXCHANGE_SEVERAL)
		sink_lease(exchange, at + exchange->flight);
}

static __always_inline void add_piece(struct exchange *exchange, __u64 at, __u32 bytes)
{
	__u32 pause = elapsed_us(exchange->last, at);
	bool apart = pause > APART_US && bytes < REST_BYTES;

	if (at > exchange->last)
		exchange->last = at;
	if (exchange->protocol == PROTOCOL_HTTP1)
		return; /* what begins with no method is the rest of the request */
	if (apart) {
		if (exchange->pieces < 255)
			exchange->pieces++;
		exchange->flags |= EXCHANGE_OVERLAPPED;
		note_no_response(exchange, pause);
	}
	note_several(exchange, at, apart);
	if (exchange->flags & EXCHANGE_ONE_WAY)
		settle_request(exchange, EXCHANGE_VOID, at);
}

/* The client answers the server's greeting: one message, whose pieces lie close together. */
static __always_inline bool is_login(struct exchange *exchange, __u64 at)
{
	if (exchange->flags & EXCHANGE_GREETED) {
		exchange->flags &= ~EXCHANGE_GREETED;
		exchange->flags |= EXCHANGE_LOGIN;
	} else if (!(exchange->flags & EXCHANGE_LOGIN)) {
		return false;
	} else if (elapsed_us(exchange->last, at) > APART_US) {
		exchange->flags &= ~EXCHANGE_LOGIN;
		return false;
	}
	exchange->last = at;
	return true;
}

/* Bytes from the client. `start` is the first one's sequence number. */
static __always_inline void on_request_bytes(struct exchange *exchange, __u64 at, __u32 start, __u32 bytes)
{
	if (exchange->turn == TURN_REQUESTED) {
		add_piece(exchange, at, bytes);
	} else if (is_login(exchange, at)) {
		return;
	} else if (exchange->flags & EXCHANGE_ONE_WAY) {
		note_no_response(exchange, elapsed_us(exchange->last, at));
		exchange->last = at;
	} else {
		begin_request(exchange, at, start);
		note_several(exchange, at, false);
	}
}

static __always_inline void close_turn(struct exchange *exchange, __u64 at)
{
	__u32 wait = elapsed_us(exchange->last, at);
	__u32 marks = 0;

	if (exchange->flags & EXCHANGE_OVERLAPPED)
		marks |= MARK_OVERLAPPED;
	if (exchange->flags & EXCHANGE_MULTIPLEX)
		marks |= MARK_SEVERAL;
	if (is_long_wait(&exchange->usual, wait))
		marks |= MARK_LONG;
	if (exchange->flags & EXCHANGE_UPGRADE)
		exchange->usual = 0;
	if (exchange->flags & EXCHANGE_QUIET)
		exchange->flight = (__u32)at - exchange->first;
	if (exchange->end & END_CLIENT_FIRST)
		exchange->end |= END_LATE;
	note_response(exchange);
	exchange->turn = TURN_RESPONDED;
	exchange->responded = exchange->last + wait;
	sink_response(exchange, wait, marks);
	sink_outstanding(exchange, -1, exchange->responded);
	set_due(exchange, false, exchange->responded);
}

/* Bytes from the server. Returns whether they answered a request. */
static __always_inline bool on_response_bytes(struct exchange *exchange, __u64 at)
{
	if (exchange->turn == TURN_REQUESTED) {
		close_turn(exchange, at);
		return true;
	}
	if (exchange->turn == TURN_RESPONDED) {
		if (elapsed_us(exchange->responded, at) > APART_US && !(exchange->flags & EXCHANGE_CONTINUED) &&
		    exchange->protocol != PROTOCOL_HTTP1 && !(exchange->flags & EXCHANGE_MULTIPLEX)) {
			exchange->flags |= EXCHANGE_CONTINUED;
			sink_count(exchange, EXCHANGE_AMBIGUOUS, 1);
		}
		if (at > exchange->responded)
			exchange->responded = at;
	} else if (!exchange->last) {
		exchange->flags |= EXCHANGE_GREETED; /* before any request */
	} else if (exchange->flags & EXCHANGE_ONE_WAY) {
		note_response(exchange);
	}
	return false;
}

#endif
