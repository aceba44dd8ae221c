/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Turnaround of requests on TCP connections: for a client, the last byte of a request sent to the first byte of the
 * response; for a server, the request received to the first byte of its response. Both roles share one state machine of
 * requests and responses. Times are the socket's own, in microseconds.
 */
#ifndef KERNSCALE_TURNAROUND_H
#define KERNSCALE_TURNAROUND_H

#include "peers.h"

/*
 * A message this long after an outstanding request is another request, unless its size makes it the body of the
 * previous one.
 */
#define SEPARATE_US 1000
#define BODY_BYTES 4096
/* Shortest silence after which outstanding requests count as done: longer than a delay of a loaded machine. */
#define QUIET_US 1000000
/* After this many requests of several messages in a row, one response each, the connection's requests are such. */
#define MULTI_MESSAGE_STREAK 8
/* A client that sent this many requests without any response is a stream (logs, metrics): none is outstanding. */
#define STREAM_REQUESTS 16

/* Result of a response: a turnaround, the finding that earlier ones were ambiguous, or neither (it continues). */
struct turnaround {
	__s64 us; /* -1: none */
	bool ambiguous;
};

static __always_inline void forget_requests(struct connection *connection)
{
	connection->nr_outstanding = 0;
	connection->oldest = 0;
	connection->overlapping = false;
}

static __always_inline void push_request(struct connection *connection, __u64 now)
{
	__u32 position;

	if (connection->nr_outstanding == MAX_REQUESTS) {
		connection->oldest = (connection->oldest + 1) & (MAX_REQUESTS - 1);
		connection->nr_outstanding--;
	}
	position = (connection->oldest + connection->nr_outstanding) & (MAX_REQUESTS - 1);
	connection->requests[position] = now;
	connection->nr_outstanding++;
	connection->messages = 1;
}

static __always_inline void on_request(struct connection *connection, __u64 now, __u32 bytes)
{
	__u32 newest = (connection->oldest + connection->nr_outstanding - 1) & (MAX_REQUESTS - 1);

	/* Silent for much longer than a response takes: requests that look outstanding got a joint response. */
	if (connection->last_response > connection->last_request &&
	    now > connection->last_response + QUIET_US + 4 * connection->last_wait) {
		forget_requests(connection);
		connection->maybe_several = false;
	}

	if (!connection->nr_outstanding) {
		connection->uncertain = connection->unexplained || connection->maybe_several;
		connection->unexplained = false;
		push_request(connection, now);
	} else if (connection->overlapping || (now > connection->last_request + SEPARATE_US && bytes < BODY_BYTES)) {
		connection->overlapping = true;
		push_request(connection, now);
	} else {
		connection->requests[newest] = now; /* the request continues: its last byte counts */
		if (connection->messages < 255)
			connection->messages++;
	}
	connection->last_request = now;

	if (connection->role != ROLE_CLIENT)
		return;
	if (!connection->responded && connection->unresponded < STREAM_REQUESTS)
		connection->unresponded++;
	set_awaiting(connection, connection->responded || connection->unresponded < STREAM_REQUESTS);
}

/*
 * Data without an outstanding request: the rest of a response, or, after a pause that the network does not explain
 * (`patience`), the response to one of several requests sent at once, or data that was never requested.
 */
static __always_inline struct turnaround on_continuation(struct connection *connection, __u64 now, __u64 patience)
{
	struct turnaround turnaround = { .us = -1 };

	if (connection->responded && now > connection->last_response + patience) {
		connection->unexplained = true;
		connection->streak = 0;
		turnaround.ambiguous = connection->messages > 1 && !connection->uncertain;
		connection->messages = 1;
	}
	connection->last_response = now;
	return turnaround;
}

/*
 * A request of several messages is one request (a head and a body) or several; in the second case the responses that
 * follow do not belong to the requests that follow.
 */
static __always_inline void check_request_messages(struct connection *connection)
{
	if (connection->messages == 1)
		connection->streak = 0;
	else if (connection->streak < MULTI_MESSAGE_STREAK)
		connection->maybe_several = ++connection->streak < MULTI_MESSAGE_STREAK;
}

static __always_inline struct turnaround on_response(struct connection *connection, __u64 now)
{
	struct turnaround turnaround;
	__u64 requested;

	turnaround.ambiguous = connection->overlapping || connection->uncertain;
	requested = connection->requests[connection->oldest & (MAX_REQUESTS - 1)];
	check_request_messages(connection);
	connection->oldest = (connection->oldest + 1) & (MAX_REQUESTS - 1);
	connection->nr_outstanding--;
	if (!connection->nr_outstanding) {
		forget_requests(connection);
		set_awaiting(connection, false);
	}
	connection->responded = true;
	connection->last_response = now;
	connection->last_wait = now > requested ? now - requested : 0;
	turnaround.us = connection->last_wait;
	return turnaround;
}

static __always_inline void count_wait(struct connection *connection, struct turnaround turnaround)
{
	struct peer_entry *peer = find_peer(connection);

	if (!peer)
		return;
	if (turnaround.us >= 0) {
		__sync_fetch_and_add(&peer->wait.sum_ns, turnaround.us * 1000);
		__sync_fetch_and_add(&peer->wait.buckets[time_bucket(turnaround.us * 1000)], 1);
	}
	if (turnaround.ambiguous)
		__sync_fetch_and_add(&peer->scalars[PEER_OVERLAPPED], 1);
}

static __always_inline void count_serve(struct connection *connection, struct turnaround turnaround)
{
	struct shard *shard = find_shard(connection->slot, bpf_get_smp_processor_id());
	struct time_histogram *serve;

	if (!shard)
		return;
	serve = &shard->histograms[HISTOGRAM_TCP_SERVE];
	/* Process context: another thread of the container may preempt this one here, so additions are atomic. */
	if (turnaround.us >= 0) {
		__sync_fetch_and_add(&serve->sum_ns, turnaround.us * 1000);
		__sync_fetch_and_add(&serve->buckets[time_bucket(turnaround.us * 1000)], 1);
	}
	if (turnaround.ambiguous)
		__sync_fetch_and_add(&shard->scalars[SCALAR_TCP_SERVE_OVERLAPPED], 1);
}

/*
 * A request or a response was missed, so the outstanding requests are unknown. Callers exclude closing states, in which
 * a FIN advances the sequence numbers too.
 */
static __always_inline void resynchronise(struct connection *connection)
{
	count_drop(DROP_MESSAGES_MISSED);
	forget_requests(connection);
	set_awaiting(connection, false);
}

#endif
