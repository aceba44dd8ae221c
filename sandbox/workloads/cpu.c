/*
 * cpu: burns a known amount of CPU time per request, in one thread, as Node.js does. A saturated pod then has one
 * runnable thread, and its demand never looks like hundreds of cores.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "workload.h"

enum { EVENTS = 64 };

static int64_t burn_ns = 10 * NS_PER_MS;
static const struct flag flags[] = {
	{ "burn", "CPU time of one request (10ms)", FLAG_DURATION, .number = &burn_ns },
	{ 0 },
};

struct connection {
	int fd;
	bool keep_alive; /* of the queued request */
	struct http_buffer buffer;
	STAILQ_ENTRY(connection) queued;
};

static int epoll;
static STAILQ_HEAD(, connection) queue = STAILQ_HEAD_INITIALIZER(queue);

/* Not inlined, so that a profile names it. */
static __attribute__((noinline)) void burn_cpu(int64_t duration)
{
	int64_t end = clock_ns(CLOCK_THREAD_CPUTIME_ID) + duration;
	volatile unsigned int sink = 1;

	while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < end) {
		for (int i = 0; i < 2000; i++)
			sink = sink * 1664525 + 1013904223;
	}
}

static void close_connection(struct connection *connection)
{
	close(connection->fd);
	free(connection);
}

static void watch(struct connection *connection, int operation)
{
	/* One shot: a connection with a queued request is not read before the response. */
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT, .data.ptr = connection };

	if (epoll_ctl(epoll, operation, connection->fd, &event) != 0)
		close_connection(connection);
}

static void open_connection(int listener)
{
	int fd = accept_connection(listener, SOCK_NONBLOCK);
	struct connection *connection;

	if (fd < 0)
		return;
	connection = calloc(1, sizeof(*connection));
	if (!connection) {
		close(fd);
		return;
	}
	connection->fd = fd;
	watch(connection, EPOLL_CTL_ADD);
}

/* Responds at once to requests that need no work; queues the connection at one that does. */
static void take_requests(struct connection *connection)
{
	struct http_request request;
	enum http_result result;

	while ((result = http_take_request(&connection->buffer, &request)) == HTTP_COMPLETE) {
		if (request.target == HTTP_WORK) {
			connection->keep_alive = request.keep_alive;
			STAILQ_INSERT_TAIL(&queue, connection, queued);
			return;
		}
		if (!http_send_response(connection->fd, fixed_status(request.target), request.keep_alive,
					fixed_body(request.target)) ||
		    !request.keep_alive) {
			close_connection(connection);
			return;
		}
	}
	if (result == HTTP_INCOMPLETE) {
		watch(connection, EPOLL_CTL_MOD);
		return;
	}
	http_send_response(connection->fd, 400, false, "not a request this server understands");
	close_connection(connection);
}

static void read_connection(struct connection *connection)
{
	long received = http_receive(connection->fd, &connection->buffer);

	if (received == 0 || (received < 0 && errno != EAGAIN))
		close_connection(connection);
	else
		take_requests(connection);
}

static void work_on_first(void)
{
	struct connection *connection = STAILQ_FIRST(&queue);
	char body[HTTP_BODY_SIZE];

	STAILQ_REMOVE_HEAD(&queue, queued);
	burn_cpu(burn_ns);
	snprintf(body, sizeof(body), "burned %.3f ms of CPU time", (double)burn_ns / NS_PER_MS);
	if (http_send_response(connection->fd, 200, connection->keep_alive, body) && connection->keep_alive)
		take_requests(connection);
	else
		close_connection(connection);
}

static _Noreturn void serve(int listener)
{
	struct epoll_event events[EVENTS], event = { .events = EPOLLIN, .data.ptr = NULL };

	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0)
		die("cannot set up epoll: %s", strerror(errno));
	for (;;) {
		int ready = epoll_wait(epoll, events, EVENTS, STAILQ_EMPTY(&queue) ? -1 : 0);

		for (int i = 0; i < ready; i++) {
			if (events[i].data.ptr)
				read_connection(events[i].data.ptr);
			else
				open_connection(listener);
		}
		/* Works only while no socket is ready, so that a health check overtakes the queue. */
		if (ready <= 0 && !STAILQ_EMPTY(&queue))
			work_on_first();
	}
}

const struct kind cpu_kind = { "cpu", "burns CPU time per request, in one thread", flags, NULL, serve };
