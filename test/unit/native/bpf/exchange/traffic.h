/* Random exchanges of one connection, planned as events, and the truth about them. */
#ifndef KERNSCALE_TEST_TRAFFIC_H
#define KERNSCALE_TEST_TRAFFIC_H

#include "wire.h"

enum traffic { TURNS, HTTP1, HTTP2, TLS, NR_TRAFFICS };

#define MAX_EXCHANGES 64

struct truth {
	struct socket client, server;
	__u32 n;
	__u32 waits[MAX_EXCHANGES], serves[MAX_EXCHANGES];
	__u64 time;  /* at which the next event is planned */
	__u32 delay; /* of the wire */
	bool split;  /* messages are written, and read, in parts */
	__u32 planned[2];
};

static __u64 random_state;

static __u32 random_below(__u32 limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return limit ? (random_state >> 11) % limit : 0;
}

static bool chance(__u32 of)
{
	return !random_below(of);
}

/* Mostly short, at times long. */
static __u32 some_time(__u32 limit)
{
	return 1 + random_below(chance(4) ? limit : limit / 20 + 1);
}

static void plan_reads(struct truth *truth, struct socket *socket, __u64 time, __u32 n)
{
	__u32 part;

	for (time += 1 + random_below(30); n; n -= part, time += random_below(10)) {
		part = truth->split && chance(2) ? 1 + random_below(n) : n;
		plan(socket, time, READ, part, 0);
	}
}

/* One call that writes, whose bytes the peer reads soon after they arrive. */
static void plan_write(struct truth *truth, bool by_client, __u64 time, const void *bytes, __u32 n)
{
	struct socket *socket = by_client ? &truth->client : &truth->server;
	__u32 *planned = &truth->planned[by_client];

	require(*planned + n <= MAX_BYTES, "too many bytes");
	memcpy(socket->bytes + *planned, bytes, n);
	*planned += n;
	plan(socket, time, WRITE, n, 0);
	plan(socket, time + 1, SENT, n, 0);
	plan(socket->peer, time + truth->delay, ARRIVE, n, 0);
	plan(socket, time + 2 * truth->delay, ACKNOWLEDGE, n, time);
	plan_reads(truth, socket->peer, time + truth->delay, n);
}

/* One message in up to three calls; returns the time of the last. */
static __u64 plan_message(struct truth *truth, bool by_client, __u64 time, const void *bytes, __u32 n, __u32 most_pause)
{
	__u32 calls = truth->split && chance(2) ? 2 + random_below(2) : 1, part;
	const unsigned char *rest = bytes;

	/* A response begins with its first whole header, because a few bytes of one tell nothing. */
	for (; calls > 1 && n > 16; calls--, n -= part, rest += part) {
		part = 16 + random_below(n - 16);
		plan_write(truth, by_client, time, rest, part);
		time += 2 + random_below(most_pause);
	}
	plan_write(truth, by_client, time, rest, n);
	return time;
}

/* Notes a request whose last byte was sent at `sent` and whose response began at `answered`. */
static void note_exchange(struct truth *truth, __u64 sent, __u64 answered)
{
	require(truth->n < MAX_EXCHANGES, "too many exchanges");
	truth->waits[truth->n] = answered + truth->delay - sent;
	truth->serves[truth->n++] = answered - truth->delay - sent;
}

static void plan_exchange(struct truth *truth, const void *request, __u32 request_bytes, const void *response,
			  __u32 response_bytes, __u32 most_pause)
{
	__u64 sent = plan_message(truth, true, truth->time, request, request_bytes, most_pause);
	__u64 answered = sent + truth->delay + 200 + some_time(20000);

	note_exchange(truth, sent, answered);
	truth->time = plan_message(truth, false, answered, response, response_bytes, 5000) + 2 * truth->delay + 500;
	truth->time += chance(3) ? some_time(300000) : random_below(1000);
}

/* A protocol of which nothing is known. */
static void plan_turn(struct truth *truth)
{
	static unsigned char request[3000], response[20000];
	__u32 bytes = 6 + random_below(chance(2) ? 60 : 2900);

	memset(request, 0xd0 + random_below(16), bytes);
	memset(response, 0xe0, sizeof(response));
	plan_exchange(truth, request, bytes, response, 1 + random_below(chance(8) ? 19000 : 200), 300);
}

static void plan_http1(struct truth *truth)
{
	char request[6000], response[400];
	__u32 body = chance(2) ? 0 : random_below(chance(4) ? 5000 : 100), head;

	head = snprintf(request, sizeof(request), "%s /%u HTTP/1.1\r\nContent-Length: %u\r\n\r\n",
			body ? "POST" : "GET", random_below(1000), body);
	memset(request + head, 'x', body);
	memset(response, 'y', sizeof(response));
	memcpy(response, "HTTP/1.1 200 OK\r\n\r\n", 19);
	plan_exchange(truth, request, head + body, response, 19 + random_below(380), chance(8) ? 20000 : 300);
}

static __u32 put_record(unsigned char *to, __u8 type, __u32 bytes)
{
	const unsigned char header[] = { type, 3, 3, bytes >> 8, bytes };

	memcpy(to, header, sizeof(header));
	memset(to + sizeof(header), 0x5a, bytes);
	return sizeof(header) + bytes;
}

/* Each side waits for the other's part. */
static void plan_flight(struct truth *truth, bool by_client, const void *bytes, __u32 n)
{
	truth->time = plan_message(truth, by_client, truth->time, bytes, n, 100) + 2 * truth->delay + 500;
}

static void plan_handshake(struct truth *truth)
{
	unsigned char bytes[4000];
	bool tls_13 = chance(2);
	__u32 n;

	plan_flight(truth, true, bytes, put_record(bytes, 0x16, 200 + random_below(300)));
	n = put_record(bytes, 0x16, 122);
	n += put_record(bytes + n, tls_13 ? 0x14 : 0x16, tls_13 ? 1 : 900);
	if (tls_13)
		n += put_record(bytes + n, 0x17, 1200);
	plan_flight(truth, false, bytes, n);
	n = put_record(bytes, 0x14, 1);
	n += put_record(bytes + n, tls_13 ? 0x17 : 0x16, tls_13 ? 0x35 : 40);
	plan_flight(truth, true, bytes, n);
	n = put_record(bytes, tls_13 ? 0x17 : 0x14, tls_13 ? 250 : 1);
	n += put_record(bytes + n, tls_13 ? 0x17 : 0x16, tls_13 ? 250 : 40);
	plan_flight(truth, false, bytes, n);
}

static void plan_tls(struct truth *truth)
{
	unsigned char request[2000], response[8000];
	__u32 n = put_record(request, 0x17, 80 + random_below(200)), m = 0, records = 1 + random_below(3);

	while (records--)
		m += put_record(response + m, 0x17, 400 + random_below(1600));
	plan_exchange(truth, request, n, response, m, 300);
}

#endif
