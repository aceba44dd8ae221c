/* chain: calls another service per request and waits for its response in a blocking recv. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "clock.h"
#include "workload.h"

static const char *upstream_text;
static int64_t timeout_ns = 5LL * NS_PER_S;
static const struct flag flags[] = {
	{ "upstream", "HOST:PORT to call; $CPU_SERVICE_HOST:$CPU_SERVICE_PORT", FLAG_TEXT, .text = &upstream_text },
	{ "timeout", "longest wait for the connection, and for the response (5s)", FLAG_DURATION,
	  .number = &timeout_ns },
	{ 0 },
};

static struct address upstream;
static char upstream_name[ADDRESS_TEXT_SIZE];

static void find_upstream(void)
{
	const char *host = getenv("CPU_SERVICE_HOST");
	const char *port = getenv("CPU_SERVICE_PORT");
	char text[ADDRESS_TEXT_SIZE];

	if (upstream_text) {
		upstream = parse_address("--upstream", upstream_text);
	} else if (host && port) {
		snprintf(text, sizeof(text), "%s:%s", host, port);
		upstream = parse_address("CPU_SERVICE_HOST:CPU_SERVICE_PORT", text);
	} else {
		die("name the service to call with --upstream, or set CPU_SERVICE_HOST and CPU_SERVICE_PORT");
	}
	format_address(&upstream, upstream_name);
}

static int connect_upstream(void)
{
	struct timespec limit = to_timespec(timeout_ns);
	struct timeval timeout = { .tv_sec = limit.tv_sec, .tv_usec = limit.tv_nsec / NS_PER_US };
	int yes = 1;
	int fd = socket(upstream.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	/* SO_SNDTIMEO is also the time-out of connect: socket(7). */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (connect(fd, &upstream.any, upstream.length) == 0)
		return fd;
	close(fd);
	return -1;
}

static bool send_request(int fd, struct http_response *response)
{
	struct http_buffer buffer = { 0 };
	enum http_result result;

	if (!http_send_request(fd, upstream_name))
		return false;
	while ((result = http_take_response(&buffer, response)) == HTTP_INCOMPLETE) {
		long received = http_receive(fd, &buffer);

		if (received == 0)
			errno = ECONNRESET;
		if (received <= 0)
			return false;
	}
	errno = EPROTO;
	return result == HTTP_COMPLETE;
}

static void drop_upstream(struct worker *worker)
{
	close(worker->upstream);
	worker->upstream = -1;
}

static bool call_upstream(struct worker *worker, struct http_response *response)
{
	bool reused = worker->upstream >= 0;
	bool closed_idle;

	if (!reused)
		worker->upstream = connect_upstream();
	if (worker->upstream < 0)
		return false;
	if (send_request(worker->upstream, response)) {
		if (!response->keep_alive)
			drop_upstream(worker);
		return true;
	}
	/* The peer may have closed a kept connection while it was idle: retry on a new one. */
	closed_idle = reused && (errno == ECONNRESET || errno == EPIPE);
	drop_upstream(worker);
	return closed_idle && call_upstream(worker, response);
}

static int work(struct worker *worker, char body[HTTP_BODY_SIZE])
{
	struct http_response response;

	if (!call_upstream(worker, &response)) {
		const char *why = errno == EAGAIN || errno == EINPROGRESS ? "no response in time" : strerror(errno);

		snprintf(body, HTTP_BODY_SIZE, "%s: %s", upstream_name, why);
		return 502;
	}
	snprintf(body, HTTP_BODY_SIZE, "%s responded with %d", upstream_name, response.status);
	return response.status == 200 ? 200 : 502;
}

static _Noreturn void serve(int listener)
{
	serve_by_threads(listener, work);
}

const struct kind chain_kind = {
	"chain", "calls another service per request and waits for it", flags, find_upstream, serve,
};
