/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What a verdict on the bytes of a message does to the turn: pipelined requests, waits for work, tickets of TLS. */
#ifndef KERNSCALE_VERDICTS_H
#define KERNSCALE_VERDICTS_H

#include "tls_lengths.h"
#include "turns.h"

/*
 * Whether the client has given up on the outstanding requests and goes on: it has paused for longer than a response
 * takes, after the newest of them or after a response that came since.
 */
static __always_inline bool has_moved_on(struct exchange *exchange, __u64 at)
{
	struct contents *contents = &exchange->contents;
	__u32 newest = contents->nr_pipelined ?
			       contents->times[(contents->oldest + contents->nr_pipelined - 1) & (MAX_PIPELINED - 1)] :
			       exchange->last;
	__u32 pause = (__u32)at - newest, since_response = elapsed_us(exchange->responded, at);

	if (since_response < pause)
		pause = since_response;
	return exchange->usual && pause > exchange->usual + APART_US;
}

/* A request behind an outstanding one (HTTP/1 pipelining): its response comes after the others'. */
static __always_inline void add_pipelined(struct exchange *exchange, __u64 at)
{
	struct contents *contents = &exchange->contents;

	sink_count(exchange, EXCHANGE_REQUESTS, 1);
	if (contents->nr_pipelined >= MAX_PIPELINED) {
		sink_count(exchange, EXCHANGE_VOID, 1);
		return;
	}
	contents->times[(contents->oldest + contents->nr_pipelined++) & (MAX_PIPELINED - 1)] = at;
	sink_outstanding(exchange, 1, at);
}

static __always_inline void next_pipelined(struct exchange *exchange, __u64 at)
{
	struct contents *contents = &exchange->contents;

	if (exchange->protocol != PROTOCOL_HTTP1 || !contents->nr_pipelined)
		return;
	exchange->turn = TURN_REQUESTED;
	exchange->last = at - ((__u32)at - contents->times[contents->oldest & (MAX_PIPELINED - 1)]);
	exchange->first = exchange->last;
	contents->oldest++;
	contents->nr_pipelined--;
	set_due(exchange, true, at);
}

/* Gives up all outstanding requests of a connection by turns. */
static __always_inline void settle_requests(struct exchange *exchange, enum exchange_counter outcome, __u64 at)
{
	struct contents *contents = &exchange->contents;

	if (exchange->turn != TURN_REQUESTED)
		return;
	settle_request(exchange, outcome, at);
	if (exchange->protocol != PROTOCOL_HTTP1 || !contents->nr_pipelined)
		return;
	sink_count(exchange, outcome, contents->nr_pipelined);
	sink_outstanding(exchange, -(__s32)contents->nr_pipelined, at);
	contents->nr_pipelined = 0;
}

/* What came may be the response: its turnaround is kept until more tells. */
static __always_inline void hold_response(struct exchange *exchange, __u64 at)
{
	exchange->flags |= EXCHANGE_HELD;
	exchange->held = elapsed_us(exchange->last, at);
	set_due(exchange, false, at);
}

static __always_inline void settle_held(struct exchange *exchange)
{
	if (!(exchange->flags & EXCHANGE_HELD))
		return;
	exchange->flags &= ~EXCHANGE_HELD;
	close_turn(exchange, exchange->last + exchange->held);
}

/* More came: it is the response, unless it belongs to what is held. */
static __always_inline void replace_held(struct exchange *exchange, __u64 at)
{
	if (elapsed_us(exchange->last + exchange->held, at) <= APART_US)
		settle_held(exchange);
	exchange->flags &= ~EXCHANGE_HELD;
}

/* Work that came at once was the response to a request. */
static __always_inline void receive_work(struct exchange *exchange, __u64 at)
{
	__u64 asked = exchange->last;

	exchange->flags &= ~EXCHANGE_WORK;
	if (elapsed_us(asked, at) > APART_US + 4 * exchange->usual) {
		exchange->responded = at;
		return;
	}
	begin_request(exchange, asked, exchange->start);
	close_turn(exchange, at);
}

/*
 * What came tells that the client's last message was a request; or it is the rest of the response before it, which comes
 * sooner than a response does.
 */
static __always_inline void confirm_request(struct exchange *exchange, __u64 at)
{
	__u32 soon = exchange->usual / 2 > APART_US ? exchange->usual / 2 : APART_US;

	exchange->flags &= ~EXCHANGE_PERHAPS;
	if (exchange->turn != TURN_IDLE && elapsed_us(exchange->last, at) < soon)
		return;
	exchange->step &= ~TLS_LONGER;
	begin_request(exchange, exchange->last, exchange->start);
}

/* Another response of a turn: to a request that was sent behind the first one, at once (HTTP/1 pipelining). */
static __always_inline void respond_again(struct exchange *exchange, __u64 at)
{
	if (elapsed_us(exchange->responded, at) > APART_US + 4 * exchange->usual)
		return; /* its own request was not seen */
	sink_count(exchange, EXCHANGE_REQUESTS, 1);
	sink_outstanding(exchange, 1, exchange->last);
	sink_response(exchange, elapsed_us(exchange->last, at), 0);
	sink_outstanding(exchange, -1, at);
	exchange->responded = at;
}

static __always_inline void apply_request(struct exchange *exchange, enum verdict verdict, __u64 at, __u32 start,
					  __u32 bytes)
{
	settle_held(exchange);
	switch (verdict) {
	case VERDICT_NOTHING:
		exchange->flags &= ~(EXCHANGE_GREETED | EXCHANGE_LOGIN);
		if (!exchange->last)
			exchange->last = at;
		return;
	case VERDICT_ANOTHER:
		if (!has_moved_on(exchange, at)) {
			add_pipelined(exchange, at);
			return;
		}
		settle_requests(exchange, EXCHANGE_VOID, at);
		break;
	case VERDICT_PERHAPS:
		if (exchange->turn == TURN_REQUESTED)
			return;
		exchange->flags |= EXCHANGE_PERHAPS;
		exchange->start = start;
		exchange->last = at;
		return;
	case VERDICT_WORK:
		if (exchange->turn == TURN_REQUESTED)
			break;
		exchange->flags |= EXCHANGE_WORK;
		exchange->last = at;
		return;
	default:
		break;
	}
	on_request_bytes(exchange, at, start, bytes);
}

/* Returns whether a request was answered. */
static __always_inline bool apply_response(struct exchange *exchange, enum verdict verdict, __u64 at)
{
	bool answered;

	if (verdict == VERDICT_NOTHING) {
		exchange->flags |= EXCHANGE_ASIDE;
		return false;
	}
	if (exchange->flags & EXCHANGE_PERHAPS)
		confirm_request(exchange, at);
	if (exchange->flags & EXCHANGE_WORK) {
		receive_work(exchange, at);
		return false;
	}
	if (verdict == VERDICT_HOLD) {
		hold_response(exchange, at);
		return false;
	}
	if (exchange->flags & EXCHANGE_HELD)
		replace_held(exchange, at);
	if (verdict == VERDICT_ANOTHER && exchange->turn == TURN_RESPONDED) {
		respond_again(exchange, at);
		return false;
	}
	answered = on_response_bytes(exchange, at);
	if (answered)
		next_pipelined(exchange, at);
	return answered;
}

#endif
