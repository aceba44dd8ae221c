/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* HTTP/1: where requests and responses begin, also of those that do not wait for each other. */
#ifndef KERNSCALE_HTTP1_H
#define KERNSCALE_HTTP1_H

#include "brokers.h"
#include "verdicts.h"

static __always_inline bool is_method(__u32 word)
{
	switch (word) {
	case WORD4('G', 'E', 'T', ' '):
	case WORD4('P', 'O', 'S', 'T'):
	case WORD4('P', 'U', 'T', ' '):
	case WORD4('H', 'E', 'A', 'D'):
	case WORD4('D', 'E', 'L', 'E'):
	case WORD4('P', 'A', 'T', 'C'):
	case WORD4('O', 'P', 'T', 'I'):
	case WORD4('C', 'O', 'N', 'N'):
	case WORD4('T', 'R', 'A', 'C'):
	case WORD4('P', 'R', 'O', 'P'):
	case WORD4('R', 'E', 'P', 'O'):
		return true;
	}
	return false;
}

/* A method begins a request; anything else is the rest of one. */
static __always_inline __u32 judge_http1_request(struct message *message)
{
	struct exchange *exchange = message->exchange;
	__u32 word;

	if (!peek_word(message, 0, &word))
		return VERDICT_TURN;
	if (exchange->turn != TURN_REQUESTED)
		return is_method(word) ? VERDICT_TURN : VERDICT_NOTHING;
	return is_method(word) && message->span->from != exchange->start ? VERDICT_ANOTHER : VERDICT_TURN;
}

/* Least distance of the heads of two responses, and most bytes that are searched for them. */
#define HEAD_STEP 12
#define SEARCHED_BYTES 1536

/* Called for each step of a message that may hold responses to pipelined requests; returns 1 after the last. */
static long next_head(__u32 index, struct message *message)
{
	struct exchange *exchange = message->exchange;
	__u8 bytes[16];

	(void)index;
	if (!sink_peek(message->payload, message->stream, bytes, sizeof(bytes)))
		return 1;
	for (__u32 i = 0; i < HEAD_STEP; i++) {
		if (big_endian(bytes + i) != WORD4('H', 'T', 'T', 'P') || bytes[i + 4] != '/')
			continue;
		close_turn(exchange, message->span->at);
		next_pipelined(exchange, message->span->at);
		break;
	}
	message->stream += HEAD_STEP;
	return !exchange->contents.nr_pipelined;
}

/* The client reads several responses in one call: all but the last are counted here. */
static __noinline void respond_to_pipelined(struct message *message)
{
	message->stream = message->span->from + HEAD_STEP;
	sink_repeat(SEARCHED_BYTES / HEAD_STEP, next_head, message);
}

#define HTTP1_CONTINUE_BYTES 25 /* "HTTP/1.1 100 Continue" and two line ends */

/* 1xx is no response, but 101 ends the turn and begins WebSocket. */
static __always_inline __u32 judge_http1_response(struct message *message)
{
	struct exchange *exchange = message->exchange;
	__u32 word, status;

	if (!peek_word(message, 0, &word))
		return VERDICT_TURN;
	if (word != WORD4('H', 'T', 'T', 'P'))
		return exchange->turn == TURN_REQUESTED && exchange->contents.nr_pipelined ? VERDICT_NOTHING :
											     VERDICT_TURN;
	if (peek_word(message, 9, &status) && status >> 24 == '1') {
		if (status >> 8 == (WORD4('1', '0', '1', ' ') >> 8)) {
			exchange->protocol = PROTOCOL_WEBSOCKET;
			exchange->flags |= EXCHANGE_UPGRADE;
		} else if (!peek_word(message, HTTP1_CONTINUE_BYTES, &word) || word != WORD4('H', 'T', 'T', 'P')) {
			return VERDICT_NOTHING;
		}
	}
	if (exchange->turn == TURN_REQUESTED && exchange->contents.nr_pipelined)
		respond_to_pipelined(message);
	return exchange->turn == TURN_RESPONDED ? VERDICT_ANOTHER : VERDICT_TURN;
}

#endif
