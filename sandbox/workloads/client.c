#define _GNU_SOURCE
#include "client.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"

bool client_busy(const struct client *client)
{
	return client->state == CLIENT_CONNECTING || client->state == CLIENT_WAITING;
}

void client_close(struct client *client)
{
	if (client->state != CLIENT_CLOSED)
		close(client->fd);
	client->state = CLIENT_CLOSED;
	client->responses = 0;
	client->buffer.length = 0;
}

static enum client_result fail(struct client *client)
{
	client_close(client);
	return CLIENT_FAILED;
}

static enum client_result send_request(struct client *client, const struct client_target *target)
{
	if (!http_send_request(client->fd, target->host))
		return fail(client);
	client->state = CLIENT_WAITING;
	return CLIENT_PENDING;
}

static enum client_result open_connection(struct client *client, const struct client_target *target)
{
	int yes = 1;

	client->fd = socket(target->address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (client->fd < 0)
		return CLIENT_FAILED;
	client->state = CLIENT_CONNECTING;
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (connect(client->fd, &target->address.any, target->address.length) == 0)
		return send_request(client, target);
	return errno == EINPROGRESS ? CLIENT_PENDING : fail(client);
}

enum client_result client_start(struct client *client, const struct client_target *target, int64_t due)
{
	client->due = due;
	client->deadline = clock_ns(CLOCK_MONOTONIC) + target->timeout_ns;
	return client->state == CLIENT_IDLE ? send_request(client, target) : open_connection(client, target);
}

short client_events(const struct client *client)
{
	if (client->state == CLIENT_CLOSED)
		return 0;
	return client->state == CLIENT_CONNECTING ? POLLOUT : POLLIN;
}

static enum client_result take_response(struct client *client, const struct client_target *target)
{
	struct http_response response;

	switch (http_take_response(&client->buffer, &response)) {
	case HTTP_INCOMPLETE:
		return CLIENT_PENDING;
	case HTTP_MALFORMED:
		return fail(client);
	case HTTP_COMPLETE:
		break;
	}
	client->state = CLIENT_IDLE;
	/* A proxy balances connections, not requests: only new connections reach new replicas. */
	if (++client->responses >= target->requests_per_connection || !response.keep_alive)
		client_close(client);
	return response.status == 200 ? CLIENT_OK : CLIENT_FAILED;
}

enum client_result client_continue(struct client *client, const struct client_target *target)
{
	long received;

	if (client->state == CLIENT_CONNECTING) {
		int error = 0;
		socklen_t size = sizeof(error);

		getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &size);
		return error == 0 ? send_request(client, target) : fail(client);
	}
	received = http_receive(client->fd, &client->buffer);
	if (received < 0 && errno == EAGAIN)
		return CLIENT_PENDING;
	if (client->state == CLIENT_IDLE) {
		client_close(client);
		return CLIENT_PENDING;
	}
	return received > 0 ? take_response(client, target) : fail(client);
}
