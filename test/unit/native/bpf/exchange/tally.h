/* The exchange model in user space: one connection's state, and a tally of all that it reports. */
#ifndef KERNSCALE_TEST_TALLY_H
#define KERNSCALE_TEST_TALLY_H

#include <linux/types.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exchange_state.h"

struct payload {
	const unsigned char *bytes;
	__u32 from, to;
};

#define MAX_OBSERVATIONS 4096

struct connection {
	struct exchange exchange;
	long counts[NR_EXCHANGE_COUNTERS];
	long responses, marked, long_waits, thoughts;
	long outstanding, most_outstanding;
	bool due;
	__u64 now, sum, waits[MAX_OBSERVATIONS];
	void (*report)(const char *what, long long value, __u64 at);
};

/* Ends the program: the model has broken its law. */
#define require(condition, ...)                                            \
	do {                                                               \
		if (!(condition)) {                                        \
			fprintf(stderr, "%s: not so: ", #condition);       \
			fprintf(stderr, __VA_ARGS__), fputc('\n', stderr); \
			abort();                                           \
		}                                                          \
	} while (0)

static struct connection *connection_of(struct exchange *exchange)
{
	return (struct connection *)exchange;
}

static void report(struct exchange *exchange, const char *what, long long value, __u64 at)
{
	if (connection_of(exchange)->report)
		connection_of(exchange)->report(what, value, at);
}

static void sink_count(struct exchange *exchange, enum exchange_counter counter, __u32 n)
{
	static const char *const names[] = { "request", "abandoned", "dropped", "void", "in vain", "ambiguous" };

	connection_of(exchange)->counts[counter] += n;
	report(exchange, names[counter], n, 0);
}

static void sink_response(struct exchange *exchange, __u32 us, __u32 marks)
{
	struct connection *connection = connection_of(exchange);

	connection->waits[connection->responses++ % MAX_OBSERVATIONS] = us;
	connection->sum += us;
	connection->marked += !!(marks & (MARK_OVERLAPPED | MARK_SEVERAL));
	connection->long_waits += !!(marks & MARK_LONG);
	report(exchange, "response", us, marks);
}

static void sink_think(struct exchange *exchange, __u64 us)
{
	connection_of(exchange)->thoughts += us >= 100000;
	if (us >= 100000)
		report(exchange, "think", us, 0);
}

static void sink_outstanding(struct exchange *exchange, __s32 change, __u64 at)
{
	struct connection *connection = connection_of(exchange);

	require(at <= connection->now, "a change lies %lld us ahead", (long long)(at - connection->now));
	connection->outstanding += change;
	if (connection->outstanding > connection->most_outstanding)
		connection->most_outstanding = connection->outstanding;
}

static void sink_due(struct exchange *exchange, bool due, __u64 at)
{
	connection_of(exchange)->due = due;
	report(exchange, due ? "due" : "not due", 0, at);
}

static void sink_lease(struct exchange *exchange, __u64 until)
{
	report(exchange, "lease", 0, until);
}

static bool sink_peek(struct payload *payload, __u32 position, void *to, __u32 size)
{
	__u32 offset = position - payload->from, length = payload->to - payload->from;

	if (!payload->bytes || offset > length || length - offset < size)
		return false;
	memcpy(to, payload->bytes + offset, size);
	return true;
}

static void sink_repeat(__u32 times, long (*step)(__u32 index, struct message *message), struct message *message)
{
	for (__u32 i = 0; i < times; i++)
		if (step(i, message))
			return;
}

#include "exchange.h"

/* Requests without an outcome, as the record's own state has them. */
static __u32 exchange_outstanding(struct exchange *exchange)
{
	if (exchange->protocol == PROTOCOL_HTTP2)
		return exchange->contents.nr_open;
	return (exchange->turn == TURN_REQUESTED) +
	       (exchange->protocol == PROTOCOL_HTTP1 ? exchange->contents.nr_pipelined : 0);
}

/* What holds at every instant. */
static void check_law(struct connection *connection)
{
	const long *counts = connection->counts;

	require(connection->outstanding == (long)exchange_outstanding(&connection->exchange), "%ld reported, %u kept",
		connection->outstanding, exchange_outstanding(&connection->exchange));
	require(counts[EXCHANGE_REQUESTS] == connection->responses + counts[EXCHANGE_ABANDONED] +
						     counts[EXCHANGE_DROPPED] + counts[EXCHANGE_VOID] +
						     connection->outstanding,
		"%ld requests, %ld responses, %ld abandoned, %ld dropped, %ld void, %ld outstanding",
		counts[EXCHANGE_REQUESTS], connection->responses, counts[EXCHANGE_ABANDONED], counts[EXCHANGE_DROPPED],
		counts[EXCHANGE_VOID], connection->outstanding);
}

#endif
