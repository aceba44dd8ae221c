/* Random HTTP/2 traffic: several streams open at once, answered in any order, among frames that are nothing. */
#ifndef KERNSCALE_TEST_STREAMS_H
#define KERNSCALE_TEST_STREAMS_H

#include "traffic.h"

#define MAX_FRAMES_BYTES 4000
#define MOST_STREAMS 12 /* open at once */

struct frames {
	__u64 time;
	bool by_client;
	__u32 bytes;
	unsigned char frames[MAX_FRAMES_BYTES];
};

static struct frames messages[4 * MAX_EXCHANGES];
static __u32 nr_messages;

static void put_frame(struct frames *message, __u8 type, __u32 stream, __u32 bytes)
{
	const unsigned char header[] = {
		0, bytes >> 8, bytes, type, 0, stream >> 24, stream >> 16, stream >> 8, stream
	};

	require(message->bytes + sizeof(header) + bytes <= MAX_FRAMES_BYTES, "too many frames");
	memcpy(message->frames + message->bytes, header, sizeof(header));
	memset(message->frames + message->bytes + sizeof(header), 0x81, bytes);
	message->bytes += sizeof(header) + bytes;
}

static struct frames *new_message(__u64 time, bool by_client)
{
	struct frames *message = &messages[nr_messages++];

	require(nr_messages < 4 * MAX_EXCHANGES, "too many messages");
	message->time = time;
	message->by_client = by_client;
	message->bytes = 0;
	return message;
}

/* WINDOW_UPDATE, PING, SETTINGS: neither a request nor a response. */
static void put_control(struct frames *message)
{
	static const struct {
		__u8 type, bytes;
	} controls[] = { { 8, 4 }, { 6, 8 }, { 4, 0 }, { 4, 12 } };
	__u32 which = random_below(4);

	put_frame(message, controls[which].type, 0, controls[which].bytes);
}

/* Opens `n` streams within `within` us, and answers each after a time of its own. */
static void put_streams(struct truth *truth, __u32 *stream, __u32 n, __u32 within)
{
	__u64 opened = truth->time, answered, latest = 0;
	struct frames *request, *response;

	for (; n; n--, *stream += 2) {
		opened += 2 * truth->delay + 100 + random_below(within);
		answered = opened + 3 * truth->delay + 2000 + some_time(100000);
		request = new_message(opened, true);
		if (chance(3))
			put_control(request);
		put_frame(request, 1, *stream, 20 + random_below(40));
		if (chance(3))
			put_frame(request, 0, *stream, random_below(900));
		response = new_message(answered, false);
		if (chance(3))
			put_control(response);
		put_frame(response, 1, *stream, 10 + random_below(60));
		put_frame(response, 0, *stream, random_below(2000));
		if (chance(2))
			put_frame(response, 1, *stream, 12); /* trailers */
		note_exchange(truth, opened, answered);
		if (answered > latest)
			latest = answered;
	}
	truth->time = latest + 4 * truth->delay + 2000 + (chance(3) ? some_time(300000) : 0);
	if (chance(2))
		put_control(new_message(truth->time, true));
	truth->time += 2000;
}

static int by_time(const void *a, const void *b)
{
	const struct frames *x = a, *y = b;

	return x->time < y->time ? -1 : x->time > y->time;
}

static void plan_http2(struct truth *truth, __u32 exchanges)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
	__u32 stream = 1, batch;
	struct frames *settings;

	nr_messages = 0;
	plan_write(truth, true, truth->time, preface, 24);
	truth->time += 5;
	settings = new_message(truth->time, true);
	put_frame(settings, 4, 0, 12);
	put_frame(new_message(truth->time + 1000, false), 4, 0, 18);
	truth->time += 3000;
	for (; exchanges; exchanges -= batch) {
		batch = 1 + random_below(MOST_STREAMS);
		if (batch > exchanges)
			batch = exchanges;
		put_streams(truth, &stream, batch, chance(2) ? 300 : 5000);
	}
	qsort(messages, nr_messages, sizeof(*messages), by_time);
	for (__u32 i = 0; i < nr_messages; i++) {
		/* One call returns before the next one begins. */
		if (i && messages[i].time < messages[i - 1].time + 3)
			messages[i].time = messages[i - 1].time + 3;
		plan_write(truth, messages[i].by_client, messages[i].time, messages[i].frames, messages[i].bytes);
	}
}

#endif
