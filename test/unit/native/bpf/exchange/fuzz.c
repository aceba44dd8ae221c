/*
 * Random connections against the model of both ends: fuzz SEED EXCHANGES. Whatever happens, its law holds; undisturbed,
 * it finds every request and its time; of one odd message it loses one observation.
 */
#include "streams.h"

#define PER_CONNECTION 30
#define CLOSE_US 3000

enum oddity { CLEAN, HOOK_LOST, PUSH, SILENCE, HALFWAY, NR_ODDITIES };

static const char *const traffics[] = { "turns", "HTTP/1", "HTTP/2", "TLS" };
static const char *const oddities[] = { "clean", "a hook is lost", "a push", "a request gets no response",
					"found half way" };

struct score {
	long connections, truth, client, server, worst;
};

static struct score scores[NR_TRAFFICS][NR_ODDITIES];
static struct truth truth;

static void prepare(void)
{
	unsigned char *bytes[] = { truth.client.bytes, truth.server.bytes };

	memset(&truth, 0, sizeof(truth));
	truth.client.bytes = bytes[0];
	truth.server.bytes = bytes[1];
	truth.client.peer = &truth.server;
	truth.server.peer = &truth.client;
	truth.client.first = chance(4) ? ~0U - random_below(5000) : random_below(~0U);
	truth.server.first = chance(4) ? ~0U - random_below(5000) : random_below(~0U);
	truth.client.state = truth.server.state = TCP_ESTABLISHED;
	truth.delay = 10 + random_below(chance(2) ? 50 : 2000);
	truth.time = 1000000000ULL + random_below(1000000000);
	truth.split = chance(2);
	truth.client.stamp = truth.server.stamp = truth.time;
	odd_hook = 0;
	event_order = 0;
}

/* One side closes, or resets, the connection; the other follows. */
static void plan_end(__u64 time)
{
	bool by_client = chance(2);
	struct socket *first = by_client ? &truth.client : &truth.server, *second = first->peer;

	first->closed = second->closed = true;
	if (chance(4)) {
		second->failed = true;
		plan(first, time, CHANGE, TCP_CLOSE, 0);
		plan(second, time + truth.delay, CHANGE, TCP_CLOSE, 0);
		return;
	}
	plan(first, time, CHANGE, TCP_FIN_WAIT1, 0);
	plan(second, time + truth.delay, CHANGE, TCP_CLOSE_WAIT, 0);
	plan(first, time + 2 * truth.delay, CHANGE, TCP_FIN_WAIT2, 0);
	plan(second, time + 2 * truth.delay + CLOSE_US, CHANGE, TCP_LAST_ACK, 0);
	plan(first, time + 3 * truth.delay + CLOSE_US, CHANGE, TCP_CLOSE, 0);
	plan(second, time + 4 * truth.delay + CLOSE_US, CHANGE, TCP_CLOSE, 0);
}

static void plan_one(enum traffic traffic)
{
	switch (traffic) {
	case TURNS:
		plan_turn(&truth);
		break;
	case HTTP1:
		plan_http1(&truth);
		break;
	default:
		plan_tls(&truth);
		break;
	}
}

/* What nobody asked for, or nobody answers. */
static void plan_odd_message(enum traffic traffic, enum oddity oddity)
{
	unsigned char bytes[300] = { 0xe1 };
	__u32 n = traffic == TLS ? put_record(bytes, 0x17, 200) : 50 + random_below(100);

	if (traffic == HTTP1)
		memcpy(bytes, oddity == PUSH ? "HTTP/1.1 408 Slow" : "GET /silence HTTP/1.1", 17);
	/* A push comes before, after or with the next request. */
	plan_write(&truth, oddity == SILENCE, truth.time + (oddity == PUSH ? random_below(truth.delay + 200) : 0),
		   bytes, n);
	if (oddity == SILENCE || chance(2))
		truth.time += 2 * truth.delay + 30000;
}

static void plan_connection(enum traffic traffic, enum oddity oddity)
{
	__u32 odd = 3 + random_below(PER_CONNECTION - 6), halfway = 2 + random_below(10), i;

	if (traffic == TLS)
		plan_handshake(&truth);
	if (traffic == HTTP2)
		plan_http2(&truth, PER_CONNECTION);
	else
		for (i = 0; i < PER_CONNECTION; i++) {
			if (i == odd && (oddity == PUSH || oddity == SILENCE))
				plan_odd_message(traffic, oddity);
			if (i == halfway && oddity == HALFWAY) {
				plan(&truth.client, truth.time, ADOPT, ROLE_CLIENT, 0);
				plan(&truth.server, truth.time, ADOPT, ROLE_SERVER, 0);
				truth.time += 10;
			}
			plan_one(traffic);
		}
	for (i = 0; i < 20; i++)
		plan(&truth.server, truth.client.stamp + random_below(truth.time - truth.client.stamp), SURVEY, 0, 0);
	if (oddity == HOOK_LOST)
		odd_hook = 1 + random_below(event_order);
	plan_end(truth.time + 2000);
}

static bool is_near(__u64 a, __u64 b)
{
	return (a > b ? a - b : b - a) <= 1000;
}

static long least(long a, long b)
{
	return a < b ? a : b;
}

/* Observations to add, remove or change until they are the truth's. */
static long count_wrong(const __u64 *found, long n, const __u32 *waits, long m)
{
	static long row[MAX_OBSERVATIONS + 1];
	long i, j, before, diagonal;

	for (j = 0; j <= m; j++)
		row[j] = j;
	for (i = 1; i <= n; i++) {
		diagonal = row[0];
		row[0] = i;
		for (j = 1; j <= m; j++) {
			before = row[j];
			row[j] = least(diagonal + !is_near(found[i - 1], waits[j - 1]), least(row[j - 1], before) + 1);
			diagonal = before;
		}
	}
	return row[m];
}

static void check_end(struct socket *socket, __u64 wall)
{
	struct connection *connection = &socket->connection;

	require(!connection->outstanding, "%ld after the end", connection->outstanding);
	require(!connection->due, "due after the end");
	require(connection->sum <= wall * connection->most_outstanding, "%llu us of %llu", connection->sum, wall);
}

/*
 * Wrong observations that an oddity may cost. One odd message costs one; a push of HTTP/1 that is taken for the response may
 * leave the response as another. A hook that is lost costs one; of TLS also its place in the handshake, and of HTTP/2 all
 * that is open until a message begins with a header again.
 */
static long allowed(enum traffic traffic, enum oddity oddity)
{
	static const long by_lost_hook[] = { [TURNS] = 1, [HTTP1] = 1, [HTTP2] = PER_CONNECTION, [TLS] = 4 };

	switch (oddity) {
	case CLEAN:
		return 0;
	case HOOK_LOST:
		return by_lost_hook[traffic];
	case PUSH:
		return traffic == HTTP1 ? 2 : 1;
	default:
		return 1;
	}
}

static void check_observations(struct socket *socket, const __u32 *waits, enum traffic traffic, enum oddity oddity)
{
	struct connection *connection = &socket->connection;
	struct score *score = &scores[traffic][oddity];
	long wrong;

	if (traffic == HTTP2) {
		/* The order of responses is not that of requests, and times are those of batches. */
		wrong = labs(connection->responses - (long)truth.n);
	} else {
		wrong = count_wrong(connection->waits, connection->responses, waits, truth.n);
	}
	if (wrong > score->worst)
		score->worst = wrong;
	if (oddity != HALFWAY || traffic != HTTP2)
		require(wrong <= allowed(traffic, oddity), "%s, %s, %s: %ld wrong of %u", traffics[traffic],
			oddities[oddity], socket == &truth.client ? "client" : "server", wrong, truth.n);
}

static void fuzz_connection(enum traffic traffic, enum oddity oddity)
{
	struct score *score = &scores[traffic][oddity];
	__u64 started;

	prepare();
	started = truth.time;
	open_socket(&truth.client, ROLE_CLIENT, false, started);
	open_socket(&truth.server, ROLE_SERVER, false, started);
	plan_connection(traffic, oddity);
	run_events();
	check_end(&truth.client, truth.time + 100000 - started);
	check_end(&truth.server, truth.time + 100000 - started);
	check_observations(&truth.client, truth.waits, traffic, oddity);
	check_observations(&truth.server, truth.serves, traffic, oddity);
	score->connections++;
	score->truth += truth.n;
	score->client += truth.client.connection.responses;
	score->server += truth.server.connection.responses;
}

static void check_scores(void)
{
	struct score *lost = &scores[HTTP2][HOOK_LOST];

	for (int i = 0; i < NR_TRAFFICS; i++)
		for (int j = 0; j < NR_ODDITIES; j++)
			printf("%-7s %-27s %6ld connections, %8ld requests: client %8ld, server %8ld, most wrong %ld\n",
			       traffics[i], oddities[j], scores[i][j].connections, scores[i][j].truth,
			       scores[i][j].client, scores[i][j].server, scores[i][j].worst);
	fflush(stdout);
	require(lost->client * 20 >= lost->truth * 19 && lost->server * 20 >= lost->truth * 19, "more than 5 %% of %ld",
		lost->truth);
}

int main(int argc, char **argv)
{
	long exchanges = argc > 2 ? atol(argv[2]) : 500000;

	random_state = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	printf("seed %llu\n", random_state);
	fflush(stdout);
	random_state = random_state * 0x9e3779b97f4a7c15ULL | 1;
	truth.client.bytes = malloc(MAX_BYTES);
	truth.server.bytes = malloc(MAX_BYTES);
	for (; exchanges > 0; exchanges -= PER_CONNECTION)
		fuzz_connection(random_below(NR_TRAFFICS), chance(2) ? CLEAN : random_below(NR_ODDITIES));
	check_scores();
	free(truth.client.bytes);
	free(truth.server.bytes);
	return 0;
}
