/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Headers of frames in a stream of bytes that is shown in pieces. */
#ifndef KERNSCALE_FRAMES_H
#define KERNSCALE_FRAMES_H

#include "exchange_state.h"

/* Most frames of one message: gRPC packs a hundred headers into one. */
#define MAX_FRAMES 256

static __always_inline __u32 big_endian(const __u8 *bytes)
{
	return (__u32)bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
}

static __always_inline struct reader *reader_of(struct message *message)
{
	return &message->exchange->contents.readers[message->span->side & 1];
}

/* A header of which earlier messages showed the beginning, or this one shows no more, or whose bytes lie apart. */
static __noinline bool gather_header(struct message *message, struct reader *reader, __u32 size)
{
	__u8 byte;

	/* From 0, a constant: the verifier of 6.1 takes a loop from an unknown number on for an endless one. */
	for (__u32 i = 0; i < sizeof(reader->header); i++) {
		if (i < reader->have)
			continue;
		if (i >= size || !sink_peek(message->payload, reader->next + i, &byte, 1))
			break;
		reader->header[i] = byte;
		reader->have = i + 1;
	}
	return reader->have == size;
}

/* Reads the next header into the reader. Returns false if the message holds no further one, or cuts it. */
static __always_inline bool read_header(struct message *message, struct reader *reader, __u32 size)
{
	if (ahead(message->span->to, reader->next) <= 0)
		return false;
	if (reader->have || ahead(message->span->to, reader->next + size) < 0)
		return gather_header(message, reader, size);
	if (sink_peek(message->payload, reader->next, reader->header, size) || gather_header(message, reader, size))
		return true;
	reader->have = 0;
	reader->in_step = false;
	return false;
}

static __always_inline void skip_frame(struct reader *reader, __u32 bytes)
{
	reader->next += bytes;
	reader->have = 0;
}

/* Whether the header that comes next, or what is left of it, was not missed. */
static __always_inline bool follows(struct message *message, struct reader *reader)
{
	return reader->in_step && ahead(message->span->from, reader->next + reader->have) <= 0;
}

#endif
