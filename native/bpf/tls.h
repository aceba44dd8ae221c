/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * TLS 1.2 and 1.3, by the headers of its records: the handshake is no request, and neither are alerts and tickets; what
 * is left are turns. (RFC 8446, section 5.1; RFC 5246, section 6.2.1.)
 */
#ifndef KERNSCALE_TLS_H
#define KERNSCALE_TLS_H

#include "frames.h"
#include "tls_lengths.h"

#define TLS_HEADER_BYTES 5
#define TLS_HANDSHAKE 0x16
#define TLS_DATA 0x17

/* Record types 20 (change cipher spec) to 23 (data), versions 3.1 to 3.4, 1 to 2^14 bytes and what encryption adds. */
static __always_inline bool is_record(const __u8 *header)
{
	return header[0] >= 0x14 && header[0] <= TLS_DATA && header[1] == 3 && header[2] && header[2] <= 4 &&
	       header[3] <= 0x48 && (header[3] || header[4]);
}

/* Whether an encrypted record may be part of a turn. */
static __always_inline bool carries_data(struct exchange *exchange, __u32 side, __u32 bytes)
{
	if (exchange->step & TLS_READY)
		return !is_alert(exchange, bytes);
	if (side == RESPONSES) {
		/* The client's last record of the handshake was missed: the server responds already. */
		exchange->step |= exchange->step & TLS_CLIENTS ? TLS_READY : TLS_13;
		return false;
	}
	if (!(exchange->step & TLS_13)) {
		exchange->step |= TLS_READY;
		return true;
	}
	exchange->step |= is_finished(bytes) ? TLS_READY | TLS_FIRST_TURN : TLS_CLIENTS;
	return false;
}

static long next_record(__u32 index, struct message *message)
{
	struct reader *reader = reader_of(message);
	__u8 header[TLS_HEADER_BYTES];
	__u32 bytes;

	(void)index;
	if (!read_header(message, reader, TLS_HEADER_BYTES))
		return 1;
	__builtin_memcpy(header, reader->header, sizeof(header));
	if (!is_record(header)) {
		reader->in_step = false;
		return 1;
	}
	bytes = header[3] << 8 | header[4];
	skip_frame(reader, TLS_HEADER_BYTES + bytes);
	if (header[0] != TLS_DATA || !carries_data(message->exchange, message->span->side, bytes))
		return 0;
	if (message->exchange->step & TLS_OFFERS_H2 && is_control(message, plain_bytes(message->exchange, bytes)))
		return 0;
	message->records++;
	if (bytes < message->shortest || message->records == 1)
		message->shortest = bytes;
	if (bytes > message->longest)
		message->longest = bytes;
	return 0;
}

/* Two or more tickets in one message are of one size, which no response's records are (Node). */
static __always_inline bool are_tickets(struct message *message)
{
	return message->records > 1 && message->shortest == message->longest && message->shortest >= 100 &&
	       message->longest <= 400;
}

/* A ticket of its own (nginx), or a short response. */
static __always_inline bool may_be_ticket(struct message *message)
{
	return message->records == 1 && message->shortest >= 150 && message->longest <= 350;
}

/* `first`: tickets may come in place of the response. */
static __always_inline __u32 judge_response(struct message *message, bool first)
{
	struct exchange *exchange = message->exchange;

	if (exchange->turn == TURN_IDLE) {
		exchange->step &= ~TLS_FIRST_TURN;
		return exchange->flags & EXCHANGE_PERHAPS && !first ? VERDICT_TURN : VERDICT_NOTHING;
	}
	if (exchange->turn != TURN_REQUESTED || !first)
		return VERDICT_TURN;
	if (are_tickets(message)) {
		exchange->step &= ~TLS_FIRST_TURN;
		return VERDICT_NOTHING;
	}
	if (may_be_ticket(message) && !(exchange->flags & EXCHANGE_HELD))
		return VERDICT_HOLD;
	exchange->step &= ~TLS_FIRST_TURN;
	return VERDICT_TURN;
}

/* RFC 8446, section 4.1.2: extensions of the client's hello, of which `stream` is the position. */
static long next_extension(__u32 index, struct message *message)
{
	const __u8 h2[] = { 2, 'h', '2' };
	__u8 head[4], name[3];
	__u32 offset = 6, i;

	(void)index;
	if (!sink_peek(message->payload, message->stream, head, sizeof(head)))
		return 1;
	if (head[0] || head[1] != 16) { /* application_layer_protocol_negotiation */
		message->stream += sizeof(head) + (head[2] << 8 | head[3]);
		return 0;
	}
	/* The first or second name. */
	for (i = 0; i < 2; i++) {
		if (!sink_peek(message->payload, message->stream + offset, name, sizeof(name)))
			break;
		if (name[0] == h2[0] && name[1] == h2[1] && name[2] == h2[2])
			message->exchange->step |= TLS_OFFERS_H2;
		offset += 1 + name[0];
	}
	return 1;
}

#define MAX_EXTENSIONS 32

/* Whether the client offers HTTP/2: its hello may be shown after its record's header. */
static __always_inline void read_hello(struct message *message)
{
	__u32 position = message->exchange->contents.hello + 38; /* type, length, version, random */
	__u8 lengths[2];

	if (!sink_peek(message->payload, position, lengths, 1))
		return;
	message->exchange->step |= TLS_HELLO;
	position += 1 + lengths[0]; /* session */
	if (!sink_peek(message->payload, position, lengths, 2))
		return;
	position += 2 + (lengths[0] << 8 | lengths[1]); /* cipher suites */
	if (!sink_peek(message->payload, position, lengths, 1))
		return;
	message->stream = position + 1 + lengths[0] + 2; /* compression, length of all extensions */
	sink_repeat(MAX_EXTENSIONS, next_extension, message);
}

static __noinline __u32 judge_tls(struct message *message)
{
	bool first = message->exchange->step & TLS_FIRST_TURN;
	struct reader *reader = reader_of(message);

	if (!follows(message, reader)) {
		/* Out of step: every message that is no alert counts, until one begins with a header. */
		reader->have = 0;
		reader->next = message->span->from;
		reader->in_step = true;
	}
	if (message->span->side == REQUESTS && !(message->exchange->step & (TLS_HELLO | TLS_13 | TLS_READY)))
		read_hello(message);
	message->records = 0;
	message->longest = 0;
	message->perhaps = false;
	sink_repeat(MAX_FRAMES, next_record, message);
	if (!reader->in_step)
		return message->exchange->step & TLS_READY ? VERDICT_TURN : VERDICT_NOTHING;
	if (!message->records)
		return message->perhaps ? VERDICT_PERHAPS : VERDICT_NOTHING;
	if (message->span->side == REQUESTS)
		message->exchange->contents.asked = message->exchange->contents.readers[RESPONSES].next;
	return message->span->side == RESPONSES ? judge_response(message, first) : VERDICT_TURN;
}

/* `type`: of the first record that was seen. */
static __always_inline void begin_tls(struct exchange *exchange, __u8 type)
{
	exchange->protocol = PROTOCOL_TLS;
	exchange->contents.hello = exchange->contents.readers[REQUESTS].next + TLS_HEADER_BYTES;
	exchange->contents.asked = 0;
	exchange->step = type == TLS_DATA ? TLS_READY | TLS_13 : 0;
	exchange->contents.readers[REQUESTS].in_step = true;
	exchange->contents.readers[RESPONSES].in_step = true;
}

#endif
