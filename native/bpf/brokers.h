/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Protocols of brokers and queues: which messages get no response, and which wait for work. */
#ifndef KERNSCALE_BROKERS_H
#define KERNSCALE_BROKERS_H

#include "frames.h"

#define WORD4(a, b, c, d) ((__u32)(a) << 24 | (b) << 16 | (c) << 8 | (d))

static __always_inline bool peek_word(struct message *message, __u32 offset, __u32 *word)
{
	__u8 bytes[4];

	if (!sink_peek(message->payload, message->span->from + offset, bytes, sizeof(bytes)))
		return false;
	*word = big_endian(bytes);
	return true;
}

/* MQTT 3.1.1, section 2.2.1. A publication of quality of service 0 gets no response. */
static __always_inline __u32 judge_mqtt(struct message *message, __u8 byte)
{
	const __u32 requests = 1 << 1 | 1 << 6 | 1 << 8 | 1 << 10; /* CONNECT, PUBREL, SUBSCRIBE, UNSUBSCRIBE */
	const __u32 responses = 1 << 2 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 9 | 1 << 11; /* CONNACK, PUBACK … UNSUBACK */
	__u32 type = byte >> 4;

	if (message->span->side == RESPONSES)
		return responses >> type & 1 ? VERDICT_TURN : VERDICT_NOTHING;
	if (type == 3)
		return byte & 6 ? VERDICT_TURN : VERDICT_NOTHING;
	return requests >> type & 1 ? VERDICT_TURN : VERDICT_NOTHING;
}

#define NATS_LINE_BYTES 96

static long count_space(__u32 index, struct message *message)
{
	__u8 byte;

	if (!sink_peek(message->payload, message->span->from + index, &byte, 1) || byte == '\r')
		return 1;
	message->records += byte == ' ';
	return 0;
}

/* Words of the first line: a publication with one more than subject and size names where the reply goes. */
static __always_inline __u32 count_words(struct message *message)
{
	message->records = 1;
	sink_repeat(NATS_LINE_BYTES, count_space, message);
	return message->records;
}

static __always_inline __u32 judge_nats(struct message *message)
{
	__u32 word;

	if (!peek_word(message, 0, &word))
		return VERDICT_TURN;
	if (message->span->side == RESPONSES)
		return word == WORD4('M', 'S', 'G', ' ') || word == WORD4('H', 'M', 'S', 'G') ||
				       word == WORD4('P', 'O', 'N', 'G') || word == WORD4('-', 'E', 'R', 'R') ?
			       VERDICT_TURN :
			       VERDICT_NOTHING;
	if (word == WORD4('P', 'U', 'B', ' '))
		return count_words(message) > 3 ? VERDICT_TURN : VERDICT_NOTHING;
	if (word == WORD4('H', 'P', 'U', 'B'))
		return count_words(message) > 4 ? VERDICT_TURN : VERDICT_NOTHING;
	return word == WORD4('P', 'I', 'N', 'G') ? VERDICT_TURN : VERDICT_NOTHING;
}

/*
 * Rule W, work by name: a Redis command that waits for work is no request (BLPOP and kin, XREAD, SUBSCRIBE, MONITOR,
 * WAIT). It becomes one if it is answered at once.
 */
static __always_inline bool waits_for_work(const __u8 *name)
{
	const __u8 to_upper = 0xdf;
	__u8 first = name[0] & to_upper, second = name[1] & to_upper, third = name[2] & to_upper;

	switch (first) {
	case 'B':
		return second == 'L' || second == 'R' || second == 'Z';
	case 'X':
		return second == 'R' && third == 'E';
	case 'S':
		return (second == 'U' || second == 'S') && (third == 'B' || third == 'U');
	case 'P':
		return second == 'S' && third == 'U';
	case 'M':
		return second == 'O' && third == 'N';
	case 'W':
		return second == 'A';
	}
	return false;
}

/* "*2\r\n$5\r\nBLPOP": the name comes after two short lines. */
static __always_inline __u32 judge_redis(struct message *message)
{
	__u8 bytes[16];
	__u32 i, lines = 0;

	if (message->span->side == RESPONSES || !sink_peek(message->payload, message->span->from, bytes, sizeof(bytes)))
		return VERDICT_TURN;
	for (i = 0; i < sizeof(bytes) - 4; i++) {
		lines += bytes[i] == '\n';
		if (lines == 2)
			return waits_for_work(bytes + i + 1) ? VERDICT_WORK : VERDICT_TURN;
	}
	return VERDICT_TURN;
}

#define METHOD(class, number) ((class) << 16 | (number))

static __always_inline bool is_amqp_request(__u32 method)
{
	switch (method) {
	case METHOD(10, 11): /* connection: start-ok, secure-ok, tune-ok, close-ok */
	case METHOD(10, 21):
	case METHOD(10, 31):
	case METHOD(10, 51):
	case METHOD(20, 21): /* channel: flow-ok, close-ok */
	case METHOD(20, 41):
	case METHOD(60, 40): /* publish */
	case METHOD(60, 80): /* ack, reject, recover-async, nack */
	case METHOD(60, 90):
	case METHOD(60, 100):
	case METHOD(60, 120):
		return false;
	}
	return true;
}

static __always_inline bool is_amqp_response(__u32 method)
{
	switch (method) {
	case METHOD(10, 10): /* connection: start, secure, tune, blocked, unblocked */
	case METHOD(10, 20):
	case METHOD(10, 30):
	case METHOD(10, 60):
	case METHOD(10, 61):
	case METHOD(60, 50): /* return, deliver */
	case METHOD(60, 60):
	case METHOD(60, 80): /* confirms: ack, nack */
	case METHOD(60, 120):
		return false;
	}
	return true;
}

/* AMQP 0-9-1, section 4.2.3: type, channel, length, and of a method its class and number. Heartbeats are of another type. */
static __always_inline __u32 judge_amqp(struct message *message)
{
	const __u8 type_method = 1;
	__u8 bytes[11];
	__u32 method;

	if (!sink_peek(message->payload, message->span->from, bytes, sizeof(bytes)) || bytes[0] != type_method)
		return VERDICT_NOTHING;
	method = big_endian(bytes + 7);
	return (message->span->side == REQUESTS ? is_amqp_request(method) : is_amqp_response(method)) ? VERDICT_TURN :
													VERDICT_NOTHING;
}

#define KAFKA_HEADER_BYTES 6 /* of a request: length, and the API's number */
#define KAFKA_FETCH 1
#define KAFKA_JOIN_GROUP 11
#define KAFKA_API_VERSIONS 18

/* Clients ask for the versions of the API first. */
static __always_inline bool is_kafka(const __u8 *head)
{
	return !head[0] && !head[1] && !head[4] && head[5] == KAFKA_API_VERSIONS && !head[6] && head[7] < 16;
}

static __always_inline void begin_kafka(struct reader *reader)
{
	reader->in_step = true;
	reader->have = KAFKA_HEADER_BYTES;
}

/* Counts in `records` the requests that do not wait for work. */
static long next_kafka_request(__u32 index, struct message *message)
{
	struct reader *reader = reader_of(message);
	__u32 bytes, api;

	(void)index;
	if (!read_header(message, reader, KAFKA_HEADER_BYTES))
		return 1;
	bytes = big_endian(reader->header);
	api = reader->header[4] << 8 | reader->header[5];
	skip_frame(reader, 4 + bytes);
	message->stream++;
	message->records += api != KAFKA_FETCH && api != KAFKA_JOIN_GROUP;
	return 0;
}

/* A fetch waits for messages, a join for the rest of the group. */
static __always_inline __u32 judge_kafka(struct message *message)
{
	struct reader *reader = reader_of(message);

	if (message->span->side == RESPONSES)
		return VERDICT_TURN;
	if (!follows(message, reader)) {
		reader->have = 0;
		reader->next = message->span->from;
		reader->in_step = true;
	}
	sink_repeat(MAX_FRAMES, next_kafka_request, message);
	return message->records ? VERDICT_TURN : message->stream ? VERDICT_WORK : VERDICT_NOTHING;
}

#endif
