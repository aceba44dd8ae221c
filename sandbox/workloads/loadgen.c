/*
 * loadgen: sends requests to one HTTP server, either at a rate that does not depend on the responses (open loop) or as
 * a number of users who pause between response and next request (closed loop).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "clock.h"
#include "flags.h"
#include "report.h"

/* A user pauses at least this long after a failure: a refused connection fails immediately, every time. */
enum { MAX_CLIENTS = 256, RETRY_PAUSE = 100 * NS_PER_MS };

static int64_t rate, poisson, seed = 1, users, think_ns = 100 * NS_PER_MS, connections = 8, duration_ns, verbose;
static struct client_target target = { .timeout_ns = 5LL * NS_PER_S, .requests_per_connection = 100 };

static const struct flag flags[] = {
	{ "rate", "open loop: requests per second, independent of the responses", FLAG_COUNT, .number = &rate },
	{ "poisson", "open loop: random arrivals instead of evenly spaced ones", FLAG_SWITCH, .number = &poisson },
	{ "seed", "open loop: seed of the random arrivals (1)", FLAG_COUNT, .number = &seed },
	{ "connections", "open loop: most outstanding requests; others are dropped as late (8)", FLAG_COUNT,
	  .number = &connections },
	{ "users", "closed loop: users, each with a connection", FLAG_COUNT, .number = &users },
	{ "think", "closed loop: a user's pause between response and request (100ms)", FLAG_DURATION,
	  .number = &think_ns },
	{ "requests-per-connection", "requests after which a connection is replaced (100)", FLAG_COUNT,
	  .number = &target.requests_per_connection },
	{ "timeout", "timeout of a request, including the connection (5s)", FLAG_DURATION,
	  .number = &target.timeout_ns },
	{ "duration", "time after which to stop; at SIGTERM by default", FLAG_DURATION, .number = &duration_ns },
	{ "verbose", "one line per second on standard error", FLAG_SWITCH, .number = &verbose },
	{ 0 },
};

static struct client clients[MAX_CLIENTS];
static int client_count;
static struct report report;
static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

static void parse_arguments(int argc, char **argv)
{
	const char *url = parse_flags(argc, argv, flags);
	const char *host;
	char text[128];

	if (!url || strncmp(url, "http://", 7) != 0)
		die("name the server, like http://127.0.0.1:8080/");
	host = url + 7;
	if (strcspn(host, "/") >= sizeof(text))
		die("\"%s\" is too long", url);
	snprintf(text, sizeof(text), "%.*s", (int)strcspn(host, "/"), host);
	if (strcmp(host + strlen(text), "") != 0 && strcmp(host + strlen(text), "/") != 0)
		die("only requests for / are possible, not \"%s\"", host + strlen(text));
	target.address = parse_address("the address of the server", text);
	format_address(&target.address, target.host);
	if ((rate > 0) == (users > 0))
		die("give either --rate (open loop) or --users (closed loop)");
	client_count = (int)fmin(rate > 0 ? connections : users, MAX_CLIENTS + 1);
	if (client_count > MAX_CLIENTS)
		die("at most %d connections", MAX_CLIENTS);
}

static void count(struct client *client, enum client_result result)
{
	int64_t now = clock_ns(CLOCK_MONOTONIC);

	if (result == CLIENT_PENDING)
		return;
	if (result == CLIENT_OK)
		report_ok(&report, now - client->due);
	else
		report.failed++;
	client->due = now + (result == CLIENT_OK || think_ns > RETRY_PAUSE ? think_ns : RETRY_PAUSE);
}

static void start(struct client *client, int64_t due)
{
	report.sent++;
	count(client, client_start(client, &target, due));
}

/* Connection for the next request, preferably an open one; NULL if all are busy. */
static struct client *free_client(void)
{
	struct client *closed = NULL;

	for (int i = 0; i < client_count; i++) {
		if (clients[i].state == CLIENT_IDLE)
			return &clients[i];
		if (clients[i].state == CLIENT_CLOSED)
			closed = &clients[i];
	}
	return closed;
}

/* Nanoseconds from one arrival to the next; depends only on the flags. */
static int64_t next_gap(void)
{
	double mean = (double)NS_PER_S / (double)rate;

	return (int64_t)(poisson ? -mean * log(1.0 - drand48()) : mean);
}

/* Starts the requests that are due; returns the time of the next one. */
static int64_t start_open_loop(int64_t *next, int64_t now)
{
	for (; *next <= now; *next += next_gap()) {
		struct client *client = free_client();

		if (client)
			start(client, *next);
		else
			report.late++;
	}
	return *next;
}

static int64_t start_closed_loop(int64_t now)
{
	int64_t next = INT64_MAX;

	for (int i = 0; i < client_count; i++) {
		if (!client_busy(&clients[i]) && clients[i].due <= now)
			start(&clients[i], now);
		if (!client_busy(&clients[i]) && clients[i].due < next)
			next = clients[i].due;
	}
	return next;
}

/* Fails requests that are past their deadline; returns the next deadline. */
static int64_t expire(int64_t now)
{
	int64_t next = INT64_MAX;

	for (int i = 0; i < client_count; i++) {
		if (client_busy(&clients[i]) && clients[i].deadline <= now) {
			client_close(&clients[i]);
			count(&clients[i], CLIENT_FAILED);
		}
		if (client_busy(&clients[i]) && clients[i].deadline < next)
			next = clients[i].deadline;
	}
	return next;
}

/* Sleeps until `until`, or until a socket is ready or a signal arrives. */
static void wait_for_sockets(int64_t until, const sigset_t *signals)
{
	struct pollfd polled[MAX_CLIENTS];
	int64_t left = until - clock_ns(CLOCK_MONOTONIC);
	struct timespec timeout = to_timespec(left > 0 ? left : 0);

	for (int i = 0; i < client_count; i++) {
		polled[i].events = client_events(&clients[i]);
		polled[i].fd = polled[i].events ? clients[i].fd : -1;
	}
	if (ppoll(polled, client_count, &timeout, signals) <= 0)
		return;
	for (int i = 0; i < client_count; i++) {
		if (polled[i].fd >= 0 && polled[i].revents)
			count(&clients[i], client_continue(&clients[i], &target));
	}
}

static int busy_clients(void)
{
	int busy = 0;

	for (int i = 0; i < client_count; i++)
		busy += client_busy(&clients[i]);
	return busy;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void drive(const sigset_t *signals)
{
	int64_t begin = clock_ns(CLOCK_MONOTONIC), second = 1, arrival = begin;
	int64_t end = duration_ns > 0 ? begin + duration_ns : INT64_MAX;

	for (int i = 0; i < client_count; i++)
		clients[i].due = begin + think_ns * i / client_count; /* users do not start all at once */
	while (!stopped) {
		int64_t now = clock_ns(CLOCK_MONOTONIC);
		int64_t tick = begin + second * NS_PER_S, next = tick;

		/* Also at the end: on a busy machine it comes before the last requests that were due have started. */
		if (rate > 0)
			next = start_open_loop(&arrival, earlier(now, end - 1));
		else if (now < end)
			next = start_closed_loop(now);
		if (now >= end && busy_clients() == 0)
			return;
		if (now >= tick) {
			if (verbose)
				report_progress(&report, second, busy_clients());
			second++;
			continue;
		}
		next = now < end ? earlier(tick, earlier(next, end)) : tick;
		wait_for_sockets(earlier(next, expire(now)), signals);
	}
}

int main(int argc, char **argv)
{
	sigset_t blocked, unblocked;
	struct sigaction action = { .sa_handler = stop };

	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		puts("Usage: loadgen [flags] http://HOST:PORT/\n"
		     "Prints a summary as JSON at the end, quantiles in seconds since the request was due.\n");
		print_flags(flags);
		return 0;
	}
	parse_arguments(argc - 1, argv + 1);
	srand48(seed);
	/* Blocked except while polling, so that no signal arrives between the check of `stopped` and the sleep. */
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGINT);
	sigprocmask(SIG_BLOCK, &blocked, &unblocked);
	sigdelset(&unblocked, SIGTERM);
	sigdelset(&unblocked, SIGINT);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	drive(&unblocked);
	report_summary(&report);
	return 0;
}
