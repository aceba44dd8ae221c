/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What the first bytes of a connection, and of each message, tell: the protocol, and which messages are neither requests
 * nor responses. A connection of another protocol is looked at once.
 */
#ifndef KERNSCALE_FIRST_BYTES_H
#define KERNSCALE_FIRST_BYTES_H

#include "brokers.h"
#include "http1.h"
#include "http2.h"
#include "tls.h"

#define HEAD_BYTES 8
/* Messages that are looked into for a protocol. */
#define MAX_TRIES 8

/* A method and a space or path: "CONNECT" is NATS' as well, whose server greets. */
static __always_inline enum protocol protocol_of(struct exchange *exchange, const __u8 *head)
{
	bool greeted = exchange->flags & (EXCHANGE_GREETED | EXCHANGE_LOGIN);
	__u32 word = big_endian(head);

	if (word == WORD4('P', 'R', 'I', ' ') && head[4] == '*')
		return PROTOCOL_HTTP2;
	if (is_method(word))
		return !greeted ? PROTOCOL_HTTP1 : head[7] == ' ' ? PROTOCOL_NATS : PROTOCOL_TURNS;
	if (word == WORD4('A', 'M', 'Q', 'P') && big_endian(head + 4) == WORD4(0, 0, 9, 1))
		return PROTOCOL_AMQP;
	if (is_kafka(head))
		return PROTOCOL_KAFKA;
	if (head[0] == '*' && head[1] >= '1' && head[1] <= '9')
		return PROTOCOL_REDIS;
	if (head[0] == 0x10 && (big_endian(head + 4) == WORD4('M', 'Q', 'T', 'T') ||
				(head[1] & 0x80 && big_endian(head + 4) == WORD4(4, 'M', 'Q', 'T'))))
		return PROTOCOL_MQTT;
	return PROTOCOL_TURNS;
}

static long next_of_chain(__u32 index, struct message *message)
{
	struct reader *reader = reader_of(message);

	if (!read_header(message, reader, HTTP2_HEADER_BYTES) || !is_usual_frame(reader->header, 0))
		return 1;
	skip_frame(reader, HTTP2_HEADER_BYTES + frame_bytes(reader->header));
	return 0;
}

/* Frames of HTTP/2 that fill a message exactly; in a connection whose preface was not seen. */
static __always_inline bool is_chain_of_frames(struct message *message)
{
	struct reader *reader = reader_of(message);

	reader->have = 0;
	reader->next = message->span->from;
	sink_repeat(MAX_FRAMES, next_of_chain, message);
	return reader->next == message->span->to;
}

/* The first bytes were not seen, or not as such: a message tells, if it is whole. */
static __always_inline enum protocol protocol_of_message(struct message *message, const __u8 *head)
{
	enum protocol protocol = protocol_of(message->exchange, head);

	if (protocol != PROTOCOL_TURNS || !is_chain_of_frames(message))
		return protocol;
	begin_http2(message->exchange, message->span->from, 0);
	message->exchange->contents.readers[RESPONSES].in_step = false;
	return PROTOCOL_HTTP2;
}

/* Nothing of this message is shown (io_uring, or a hook that was skipped), or it is not whole. */
static __always_inline void try_next_message(struct exchange *exchange, __u32 position)
{
	exchange->contents.readers[REQUESTS].next = position - 1;
	if (++exchange->step < MAX_TRIES)
		return;
	exchange->step = 0;
	exchange->protocol = PROTOCOL_TURNS;
}

/* Tells the protocol from the first bytes that the client sent, gathered over several messages. */
static __noinline void classify(struct message *message)
{
	struct exchange *exchange = message->exchange;
	struct reader *reader = &exchange->contents.readers[REQUESTS];
	bool late = ahead(message->span->from, reader->next + reader->have) > 0, complete;
	__u8 head[HEAD_BYTES];
	__u32 origin;

	if (late) {
		reader->next = message->span->from;
		reader->have = 0;
	}
	origin = reader->next;
	complete = read_header(message, reader, HEAD_BYTES);
	if ((complete || reader->have >= TLS_HEADER_BYTES) && is_record(reader->header)) {
		reader->have = TLS_HEADER_BYTES;
		begin_tls(exchange, reader->header[0]);
		return;
	}
	if (!complete) {
		if (!reader->have)
			try_next_message(exchange, message->span->to);
		return;
	}
	__builtin_memcpy(head, reader->header, sizeof(head));
	if (late) {
		exchange->protocol = protocol_of_message(message, head);
		if (exchange->protocol == PROTOCOL_TURNS) {
			exchange->protocol = PROTOCOL_UNKNOWN;
			try_next_message(exchange, message->span->to);
		}
		return;
	}
	exchange->protocol = protocol_of(exchange, head);
	if (exchange->protocol == PROTOCOL_HTTP2)
		/* What the server has sent before this is whole frames, whether a hook showed them or not. */
		begin_http2(exchange, origin + HTTP2_PREFACE_BYTES,
			    exchange->role == ROLE_SERVER ? exchange->sent : exchange->read);
	else if (exchange->protocol == PROTOCOL_KAFKA)
		begin_kafka(reader);
}

/* A server that says SETTINGS first: HTTP/2, of whose client not enough was shown yet. */
static __always_inline void classify_greeting(struct message *message)
{
	struct exchange *exchange = message->exchange;
	__u8 header[HTTP2_HEADER_BYTES];

	if (ahead(message->span->from, exchange->contents.readers[RESPONSES].next))
		return;
	if (!sink_peek(message->payload, message->span->from, header, sizeof(header)))
		return;
	if (header[3] == FRAME_SETTINGS && is_usual_frame(header, 0))
		begin_http2(exchange, exchange->contents.readers[REQUESTS].next + HTTP2_PREFACE_BYTES,
			    message->span->from);
}

static __always_inline __u32 judge_websocket(__u8 byte)
{
	__u8 opcode = byte & 0xf;

	return opcode >= 8 && opcode <= 10 ? VERDICT_NOTHING : VERDICT_TURN;
}

static __always_inline __u32 judge_by_first_byte(struct message *message)
{
	__u8 byte;

	if (!sink_peek(message->payload, message->span->from, &byte, 1))
		return VERDICT_TURN;
	return message->exchange->protocol == PROTOCOL_MQTT ? judge_mqtt(message, byte) : judge_websocket(byte);
}

#define QUIT_BYTES 5

/* PostgreSQL's X and MySQL's QUIT get no response: the connection ends. */
static __always_inline bool is_goodbye(struct message *message)
{
	__u32 word;
	__u8 byte;

	if (message->span->side != REQUESTS || message->span->to - message->span->from != QUIT_BYTES ||
	    !peek_word(message, 1, &word) || !sink_peek(message->payload, message->span->from, &byte, 1))
		return false;
	return (byte == 'X' && word == 4) || (byte == 1 && word == 1);
}

static __always_inline __u32 judge_message(struct message *message)
{
	struct exchange *exchange = message->exchange;

	if (exchange->protocol == PROTOCOL_UNKNOWN) {
		if (message->span->side == REQUESTS)
			classify(message);
		else
			classify_greeting(message);
	}
	switch (exchange->protocol) {
	case PROTOCOL_HTTP1:
		return message->span->side == REQUESTS ? judge_http1_request(message) : judge_http1_response(message);
	case PROTOCOL_HTTP2:
		walk_http2(message);
		return VERDICT_NOTHING;
	case PROTOCOL_TLS:
		return judge_tls(message);
	case PROTOCOL_MQTT:
	case PROTOCOL_WEBSOCKET:
		return judge_by_first_byte(message);
	case PROTOCOL_NATS:
		return judge_nats(message);
	case PROTOCOL_AMQP:
		return judge_amqp(message);
	case PROTOCOL_KAFKA:
		return judge_kafka(message);
	case PROTOCOL_REDIS:
		return judge_redis(message);
	}
	return is_goodbye(message) ? VERDICT_NOTHING : VERDICT_TURN;
}

/*
 * HTTP/2 is counted here; of all others the verdict tells what to do with the message. Not static: the verifier then
 * looks at it once, and not at each call.
 */
__noinline int judge(struct connection *connection, struct payload *payload, struct span *span)
{
	struct message message = {};

	if (!connection || !payload || !span)
		return VERDICT_TURN;
	message.exchange = &connection->exchange;
	message.payload = payload;
	message.span = span;
	return judge_message(&message);
}

#endif
