/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What exchange.h finds is counted here: a server's requests per container, a client's per peer. */
#ifndef KERNSCALE_REQUESTS_H
#define KERNSCALE_REQUESTS_H

#include "due.h"
#include "peers.h"
#include "exchange.h" /* after struct connection */

/* A shorter pause between a response and the next request is a connection pool's turn, and nobody's thinking. */
#define THINK_US 100000
/* A client that has given up and comes back within this time tries again. */
#define RETRY_US 10000000

/* Requests of one client that it did not wait for. Each is good for one retry; clients behind one address are one. */
struct desertion {
	__u64 at; /* the last one */
	__u32 requests;
};

/* By container, own port and client's address. Bound: the ones longest ago are forgotten. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct peer_key);
	__type(value, struct desertion);
} deserters SEC(".maps");

__u64 last_desertion; /* without one, no look-up is needed */

/* Length of the kernel's clock tick, measured from one survey to the next; 0: not yet. */
struct {
	__u64 began, jiffies;
	__u32 us;
} tick;

static __always_inline void measure_tick(__u64 now)
{
	const __u32 enough = 64;
	__u64 jiffies = bpf_jiffies64();

	if (!tick.began) {
		tick.began = now;
		tick.jiffies = jiffies;
	} else if (jiffies > tick.jiffies + enough) {
		tick.us = (now - tick.began) / (jiffies - tick.jiffies);
	}
}

/* When the last data came in, to a clock tick. 0: unknown. */
static __always_inline __u64 last_arrival(struct tcp_sock *tcp, __u64 now)
{
	__u32 age = (__u32)bpf_jiffies64() - peek(tcp, inet_conn.icsk_ack.lrcvtime);
	__u64 age_us = (__u64)age * tick.us;

	return age_us && age_us < now ? now - age_us : 0;
}

static __always_inline struct connection *connection_of(struct exchange *exchange)
{
	return container_of(exchange, struct connection, exchange);
}

static __always_inline struct shard *shard_of(struct connection *connection)
{
	bill_to_socket(connection);
	return find_shard(connection->slot, bpf_get_smp_processor_id());
}

static __always_inline struct peer_entry *peer_of(struct connection *connection)
{
	bill_to_socket(connection);
	return find_peer(connection);
}

/* Process context: another thread of the container may preempt this one, so additions are atomic. */
static __always_inline void count(__u64 *counter, __u64 n)
{
	__sync_fetch_and_add(counter, n);
}

static __always_inline void observe(struct time_histogram *histogram, __u64 ns)
{
	__sync_fetch_and_add(&histogram->sum_ns, ns);
	__sync_fetch_and_add(&histogram->buckets[time_bucket(ns)], 1);
}

static __always_inline void observe_entry(struct entry_times *times, __u64 ns)
{
	__sync_fetch_and_add(&times->sum_ns, ns);
	__sync_fetch_and_add(&times->buckets[time_bucket(ns)], 1);
}

static __always_inline struct peer_key client_of(struct connection *connection)
{
	struct peer_key client = connection->peer;

	client.slot = connection->slot;
	return client;
}

static __always_inline struct desertion *recent_desertion(struct peer_key *client, __u64 now)
{
	struct desertion *desertion = bpf_map_lookup_elem(&deserters, client);

	return desertion && now < desertion->at + RETRY_US ? desertion : NULL;
}

/* Once for each connection. */
static __noinline int note_desertion(struct connection *connection)
{
	struct desertion first = { .at = bpf_ktime_get_ns() / 1000, .requests = 1 };
	struct desertion *desertion;
	struct peer_key client;

	if (!connection || connection->deserted)
		return 0;
	connection->deserted = true;
	client = client_of(connection);
	last_desertion = first.at;
	desertion = recent_desertion(&client, first.at);
	if (!desertion)
		return bpf_map_update_elem(&deserters, &client, &first, BPF_ANY);
	desertion->at = first.at;
	__sync_fetch_and_add(&desertion->requests, 1);
	return 0;
}

/* A response came after the client's end of data: it had not gone, unless the response is in vain. */
static __noinline int forget_desertion(struct connection *connection)
{
	struct desertion *desertion;
	struct peer_key client;

	if (!connection)
		return 0;
	connection->deserted = false;
	client = client_of(connection);
	desertion = recent_desertion(&client, last_desertion);
	if (desertion && desertion->requests)
		__sync_fetch_and_add(&desertion->requests, -1);
	return 0;
}

/* The first request of a connection: perhaps that of a client which has given up another one. */
static __noinline int note_arrival(struct connection *connection, __u64 now)
{
	struct desertion *desertion;
	struct peer_key client;
	struct shard *shard;

	if (!connection || now > last_desertion + RETRY_US)
		return 0;
	shard = shard_of(connection);
	client = client_of(connection);
	desertion = recent_desertion(&client, now);
	if (!shard || !desertion || !desertion->requests)
		return 0;
	__sync_fetch_and_add(&desertion->requests, -1);
	count(&shard->scalars[SCALAR_TCP_RETRIES], 1);
	return 0;
}

static __always_inline void count_of_server(struct connection *connection, enum exchange_counter counter, __u32 n)
{
	static const __u8 scalars[NR_EXCHANGE_COUNTERS] = {
		[EXCHANGE_ABANDONED] = SCALAR_TCP_ABANDONED,
		[EXCHANGE_DROPPED] = SCALAR_TCP_DROPPED,
		[EXCHANGE_IN_VAIN] = SCALAR_TCP_IN_VAIN,
		[EXCHANGE_AMBIGUOUS] = SCALAR_TCP_SERVE_OVERLAPPED,
	};
	struct shard *shard = shard_of(connection);
	__u32 number = counter;
	__u32 scalar = scalars[AT_MOST(number, NR_EXCHANGE_COUNTERS - 1)];

	if (shard)
		count(&shard->scalars[AT_MOST(scalar, NR_SCALARS - 1)], n);
}

static __always_inline void count_of_client(struct connection *connection, enum exchange_counter counter, __u32 n)
{
	static const __u8 scalars[NR_EXCHANGE_COUNTERS] = {
		[EXCHANGE_ABANDONED] = PEER_SENT_ABANDONED,
		[EXCHANGE_DROPPED] = PEER_SENT_DROPPED,
		[EXCHANGE_AMBIGUOUS] = PEER_OVERLAPPED,
	};
	struct peer_entry *peer = peer_of(connection);
	__u32 number = counter;
	__u32 scalar = scalars[AT_MOST(number, NR_EXCHANGE_COUNTERS - 1)];

	if (peer)
		count(&peer->scalars[AT_MOST(scalar, NR_PEER_SCALARS - 1)], n);
}

/*
 * Requests are not counted as they come: the survey counts the outstanding ones, and all others have an outcome. So
 * what is taken back was never counted, unless a survey saw it.
 */
__noinline int count_outcome(struct connection *connection, enum exchange_counter counter, __u32 n)
{
	if (!connection || counter >= NR_EXCHANGE_COUNTERS || counter == EXCHANGE_REQUESTS || counter == EXCHANGE_VOID)
		return 0;
	if (connection->exchange.role == ROLE_SERVER)
		count_of_server(connection, counter, n);
	else if (counter != EXCHANGE_IN_VAIN)
		count_of_client(connection, counter, n);
	if ((counter == EXCHANGE_ABANDONED || counter == EXCHANGE_IN_VAIN) && connection->exchange.role == ROLE_SERVER)
		note_desertion(connection);
	return 0;
}

__noinline int count_response(struct connection *connection, __u32 us, __u32 marks)
{
	bool overlapped = marks & (MARK_OVERLAPPED | MARK_SEVERAL);
	__u64 ns = us * 1000ULL;
	struct peer_entry *peer;
	struct shard *shard;

	if (!connection)
		return 0;
	if (connection->exchange.role == ROLE_SERVER) {
		shard = shard_of(connection);
		if (!shard)
			return 0;
		observe(&shard->histograms[HISTOGRAM_TCP_SERVE], ns);
		if (connection->deserted)
			forget_desertion(connection);
		if (overlapped)
			count(&shard->scalars[SCALAR_TCP_SERVE_OVERLAPPED], 1);
		return 0;
	}
	peer = peer_of(connection);
	if (!peer)
		return 0;
	observe_entry(&peer->wait, ns);
	if (overlapped)
		count(&peer->scalars[PEER_OVERLAPPED], 1);
	/* Usual for the peer rather than for this connection, which may be one of many short ones. */
	if (is_long_wait(&peer->usual_us, us))
		observe_entry(&peer->long_wait, ns);
	return 0;
}

__noinline int count_think(struct connection *connection, __u64 us)
{
	struct shard *shard;

	if (!connection || connection->exchange.role != ROLE_SERVER || us < THINK_US)
		return 0;
	shard = shard_of(connection);
	if (shard)
		observe(&shard->histograms[HISTOGRAM_TCP_THINK], us * 1000);
	return 0;
}

/* Credits the time of outstanding requests up to now; the survey does it for those that stay. */
static __always_inline void credit_outstanding(struct connection *connection, __u64 ns)
{
	struct peer_entry *peer;
	struct shard *shard;

	if (connection->exchange.role == ROLE_SERVER) {
		shard = shard_of(connection);
		if (shard)
			count(&shard->scalars[SCALAR_TCP_OUTSTANDING_NS], ns);
	} else {
		peer = peer_of(connection);
		if (peer)
			count(&peer->scalars[PEER_SENT_OUTSTANDING_NS], ns);
	}
}

__noinline int change_outstanding(struct connection *connection, __s32 change, __u64 at)
{
	__u32 before;

	if (!connection)
		return 0;
	before = connection->outstanding;
	if (before && at > connection->since)
		credit_outstanding(connection, before * (at - connection->since) * 1000);
	connection->outstanding = before + change;
	/* `at` may lie before the survey that has credited the time up to `since`. */
	if (at > connection->since || !before)
		connection->since = at;
	if (change > 0 && connection->exchange.role == ROLE_SERVER && !connection->requested) {
		connection->requested = true;
		note_arrival(connection, at);
	}
	return 0;
}

static __always_inline void set_connection_due(struct connection *connection, bool is_due, __u64 at)
{
	if (connection->is_due == is_due)
		return;
	connection->is_due = is_due;
	if (is_due) {
		bill_to_socket(connection);
		connection->due_slot = connection->slot;
	}
	add_due(connection->due_slot, is_due ? 1 : -1, ticks_of_us(at));
}

__noinline int change_due(struct connection *connection, bool is_due, __u64 at)
{
	if (!connection)
		return 0;
	set_connection_due(connection, is_due, at);
	return 0;
}

__noinline int extend_lease(struct connection *connection, __u64 until)
{
	if (!connection)
		return 0;
	connection->leased = until;
	lease_due(connection->due_slot, ticks_of_us(until));
	return 0;
}

/* What exchange.h calls. Those above are not static: the verifier then looks at them once, and not at each call. */
static __always_inline void sink_count(struct exchange *exchange, enum exchange_counter counter, __u32 n)
{
	count_outcome(connection_of(exchange), counter, n);
}

static __always_inline void sink_response(struct exchange *exchange, __u32 us, __u32 marks)
{
	count_response(connection_of(exchange), us, marks);
}

static __always_inline void sink_think(struct exchange *exchange, __u64 us)
{
	count_think(connection_of(exchange), us);
}

static __always_inline void sink_outstanding(struct exchange *exchange, __s32 change, __u64 at)
{
	change_outstanding(connection_of(exchange), change, at);
}

static __always_inline void sink_due(struct exchange *exchange, bool is_due, __u64 at)
{
	change_due(connection_of(exchange), is_due, at);
}

static __always_inline void sink_lease(struct exchange *exchange, __u64 until)
{
	extend_lease(connection_of(exchange), until);
}

#endif
