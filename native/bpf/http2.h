/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * HTTP/2 in plain text, gRPC included: a request is a stream that its client opens, and the first HEADERS of the server
 * on it are the response. All other frames are nothing. (RFC 9113, sections 4.1 and 6.)
 */
#ifndef KERNSCALE_HTTP2_H
#define KERNSCALE_HTTP2_H

#include "frames.h"
#include "turns.h"

#define HTTP2_HEADER_BYTES 9
#define HTTP2_PREFACE_BYTES 24
#define FRAME_DATA 0
#define FRAME_HEADERS 1
#define FRAME_RST_STREAM 3
#define FRAME_SETTINGS 4
#define FRAME_PING 6
#define FRAME_GOAWAY 7
#define FRAME_WINDOW_UPDATE 8
/* Beyond these a header cannot be one. */
#define MAX_FRAME_BYTES (1 << 20)
#define MAX_FRAME_TYPE 32
#define USUAL_FRAME_BYTES (1 << 14) /* SETTINGS_MAX_FRAME_SIZE, unless it is raised */

static __always_inline __u32 frame_bytes(const __u8 *header)
{
	return big_endian(header) >> 8;
}

static __always_inline bool is_frame(const __u8 *header)
{
	return frame_bytes(header) <= MAX_FRAME_BYTES && header[3] <= MAX_FRAME_TYPE && !(header[5] & 0x80);
}

/*
 * Out of step a header must be more than possible: of a type that is usual, with the length that it has, and a stream that
 * is open or soon will be, where the last one is known.
 */
static __always_inline bool is_usual_frame(const __u8 *header, __u32 last_id)
{
	__u32 bytes = frame_bytes(header), id = big_endian(header + 5);
	bool usual_id = id & 1 && (!last_id || id <= last_id + 2 * MAX_STREAMS);

	switch (header[3]) {
	case FRAME_DATA:
	case FRAME_HEADERS:
		return bytes <= USUAL_FRAME_BYTES && usual_id;
	case FRAME_RST_STREAM:
		return bytes == 4 && usual_id;
	case FRAME_SETTINGS:
		return bytes % 6 == 0 && bytes <= USUAL_FRAME_BYTES && !id;
	case FRAME_PING:
		return bytes == 8 && !id;
	case FRAME_GOAWAY:
		return bytes >= 8 && bytes <= USUAL_FRAME_BYTES && !id;
	case FRAME_WINDOW_UPDATE:
		return bytes == 4 && (!id || usual_id);
	}
	return false;
}

static __always_inline __u64 *stream_word(struct contents *contents, __u32 id)
{
	return &contents->open[id >> 7 & (MAX_STREAMS / 64 - 1)];
}

static __always_inline __u64 stream_bit(__u32 id)
{
	return 1ULL << (id >> 1 & 63);
}

/* Of ids so old that another stream has their bit since, nothing is known. */
static __always_inline bool is_open(struct contents *contents, __u32 id)
{
	return contents->last_id - id < 2 * MAX_STREAMS && id & 1 && *stream_word(contents, id) & stream_bit(id);
}

/* Sums the time of open streams: exact at any number of them, without a start time of each. */
static __always_inline void pass_time(struct contents *contents, __u64 at)
{
	if (at <= contents->changed)
		return;
	contents->waited += (at - contents->changed) * contents->nr_open;
	contents->changed = at;
}

static __always_inline void note_batch(struct exchange *exchange, __u32 id, __u32 now)
{
	struct contents *contents = &exchange->contents;
	struct stream_batch *batch = &contents->batches[contents->newest & (MAX_BATCHES - 1)];

	if (contents->nr_open && now - batch->first <= exchange->usual / MAX_BATCHES) {
		batch->last = now;
		return;
	}
	batch = &contents->batches[++contents->newest & (MAX_BATCHES - 1)];
	*batch = (struct stream_batch){ .id = id, .first = now, .last = now };
}

/* Time since the stream was opened, as closely as its batch tells, and never more than is left of all streams' time. */
static __always_inline __u32 take_wait(struct contents *contents, __u32 id, __u32 now)
{
	struct stream_batch *batch = NULL;
	__u64 wait;
	__u32 i;

	for (i = 0; i < MAX_BATCHES; i++) {
		batch = &contents->batches[(contents->newest - i) & (MAX_BATCHES - 1)];
		if ((__s32)(batch->id - id) <= 0)
			break;
	}
	wait = now - batch->first - (batch->last - batch->first) / 2;
	if (wait > contents->waited)
		wait = contents->waited;
	contents->waited -= wait;
	return wait;
}

static __always_inline void open_stream(struct exchange *exchange, __u32 id, __u64 at)
{
	struct contents *contents = &exchange->contents;

	contents->last_id = id;
	if (*stream_word(contents, id) & stream_bit(id)) {
		sink_count(exchange, EXCHANGE_VOID, 1);
		sink_count(exchange, EXCHANGE_REQUESTS, 1);
		return;
	}
	if (!contents->nr_open) {
		if (exchange->responded)
			sink_think(exchange, elapsed_us(exchange->responded, at));
		set_due(exchange, true, at);
		contents->changed = at;
		contents->waited = 0;
	}
	pass_time(contents, at);
	note_batch(exchange, id, at);
	*stream_word(contents, id) |= stream_bit(id);
	contents->nr_open++;
	sink_count(exchange, EXCHANGE_REQUESTS, 1);
	sink_outstanding(exchange, 1, at);
}

/* Returns how long the stream waited. */
static __always_inline __u32 close_stream(struct exchange *exchange, __u32 id, __u64 at)
{
	struct contents *contents = &exchange->contents;

	pass_time(contents, at);
	*stream_word(contents, id) &= ~stream_bit(id);
	contents->nr_open--;
	sink_outstanding(exchange, -1, at);
	if (!contents->nr_open)
		set_due(exchange, false, at);
	return take_wait(contents, id, at);
}

static __always_inline void respond_on_stream(struct exchange *exchange, __u32 id, __u64 at)
{
	__u32 wait = close_stream(exchange, id, at);

	exchange->responded = at;
	if (exchange->end & END_CLIENT_FIRST)
		exchange->end |= END_LATE;
	sink_response(exchange, wait, is_long_wait(&exchange->usual, wait) ? MARK_LONG : 0);
}

/* Gives up all open streams. */
static __always_inline void close_streams(struct exchange *exchange, enum exchange_counter outcome, __u64 at)
{
	struct contents *contents = &exchange->contents;

	if (!contents->nr_open)
		return;
	sink_count(exchange, outcome, contents->nr_open);
	sink_outstanding(exchange, -(__s32)contents->nr_open, at);
	set_due(exchange, false, at);
	contents->nr_open = 0;
	contents->open[0] = 0;
	contents->open[1] = 0;
}

#define MAX_UNSEEN_STREAMS 8

static long open_unseen_stream(__u32 index, struct message *message)
{
	struct exchange *exchange = message->exchange;

	(void)index;
	if (!exchange->contents.last_id || (__s32)(message->stream - exchange->contents.last_id) <= 0)
		return 1;
	open_stream(exchange, exchange->contents.last_id + 2, message->span->unseen);
	return 0;
}

/* The response overtook the hook that shows the request: its stream, and those with lower ids, have been opened. */
static __always_inline void open_unseen_streams(struct message *message, __u32 id)
{
	message->stream = id;
	sink_repeat(MAX_UNSEEN_STREAMS, open_unseen_stream, message);
}

static __always_inline void on_frame(struct message *message, const __u8 *header)
{
	struct exchange *exchange = message->exchange;
	struct contents *contents = &exchange->contents;
	__u32 id = big_endian(header + 5);
	bool request = message->span->side == REQUESTS;

	if (header[3] == FRAME_HEADERS && request) {
		if (id & 1 && (__s32)(id - contents->last_id) > 0)
			open_stream(exchange, id, message->span->at);
	} else if (header[3] == FRAME_HEADERS) {
		if (message->span->unseen && id & 1)
			open_unseen_streams(message, id);
		if (is_open(contents, id))
			respond_on_stream(exchange, id, message->span->at);
	} else if (header[3] == FRAME_RST_STREAM && is_open(contents, id)) {
		sink_count(exchange, request ? EXCHANGE_ABANDONED : EXCHANGE_DROPPED, 1);
		close_stream(exchange, id, message->span->at);
	}
}

/* Called for each frame that may begin in a message; returns 1 after the last. */
static long next_http2_frame(__u32 index, struct message *message)
{
	struct reader *reader = reader_of(message);
	__u8 header[HTTP2_HEADER_BYTES];

	(void)index;
	if (!read_header(message, reader, HTTP2_HEADER_BYTES))
		return 1;
	__builtin_memcpy(header, reader->header, sizeof(header));
	if (!is_frame(header)) {
		reader->in_step = false;
		return 1;
	}
	skip_frame(reader, HTTP2_HEADER_BYTES + frame_bytes(header));
	on_frame(message, header);
	return 0;
}

/* Headers were missed: goes on at a message that begins with one. What was open may have been answered since. */
static __always_inline void find_step(struct message *message, struct reader *reader)
{
	__u8 header[HTTP2_HEADER_BYTES];

	if (message->span->side == RESPONSES)
		close_streams(message->exchange, EXCHANGE_VOID, message->span->at);
	reader->have = 0;
	reader->next = message->span->from;
	reader->in_step = sink_peek(message->payload, message->span->from, header, sizeof(header)) &&
			  is_usual_frame(header, message->exchange->contents.last_id);
}

static __noinline void walk_http2(struct message *message)
{
	struct reader *reader = reader_of(message);

	if (!follows(message, reader))
		find_step(message, reader);
	if (reader->in_step)
		sink_repeat(MAX_FRAMES, next_http2_frame, message);
}

/* The connection turns out to be HTTP/2: the sequence numbers of the first frames, the client's after its preface. */
static __always_inline void begin_http2(struct exchange *exchange, __u32 requests, __u32 responses)
{
	struct contents *contents = &exchange->contents;

	exchange->protocol = PROTOCOL_HTTP2;
	__builtin_memset(contents, 0, sizeof(*contents));
	contents->readers[REQUESTS].next = requests;
	contents->readers[REQUESTS].in_step = true;
	contents->readers[RESPONSES].next = responses;
	contents->readers[RESPONSES].in_step = true;
}

#endif
