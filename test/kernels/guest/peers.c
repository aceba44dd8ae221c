// SPDX-License-Identifier: Apache-2.0
/* Tasks that wait for the process at the other end of a pipe or of a TCP connection. */
#define _GNU_SOURCE
#include "tasks.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define RESPONSE_SECONDS 0.02

int channel[2];
static struct sockaddr_in address = { .sin_family = AF_INET };

static void tick(int end)
{
	for (;;) {
		pause_for(RESPONSE_SECONDS);
		if (write(end, "x", 1) != 1)
			return;
	}
}

static pid_t prepare_pipe(void)
{
	if (pipe(channel))
		die("pipe");
	return fork_peer(tick, channel[1]);
}

static void read_pipe(void)
{
	char byte;

	for (; now() < deadline; truth->operations++)
		BLOCKED(if (read(channel[0], &byte, 1) != 1) die("read"));
}

/* A poll of one file: what it is for shows in the task's own memory. */
static void poll_pipe(void)
{
	struct pollfd file = { .fd = channel[0], .events = POLLIN };
	char byte;

	for (; now() < deadline; truth->operations++) {
		BLOCKED(if (poll(&file, 1, -1) != 1) die("poll"));
		if (read(channel[0], &byte, 1) != 1)
			die("read");
	}
}

static int listener(void)
{
	socklen_t length = sizeof(address);
	int socket_ = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(socket_, (struct sockaddr *)&address, length) || listen(socket_, 8) ||
	    getsockname(socket_, (struct sockaddr *)&address, &length))
		die("listen");
	return socket_;
}

/* Sends each response late; the client waits for it. */
static void respond_late(int server)
{
	char request[64];
	int client = accept(server, NULL, NULL);

	while (read(client, request, sizeof(request)) > 0) {
		pause_for(RESPONSE_SECONDS);
		if (write(client, request, sizeof(request)) < 0)
			return;
	}
}

static pid_t prepare_server(void)
{
	return fork_peer(respond_late, listener());
}

static int connected(void)
{
	int client = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(client, (struct sockaddr *)&address, sizeof(address)))
		die("connect");
	return client;
}

static void request(void)
{
	char bytes[64] = "request";
	int client = connected();

	for (; now() < deadline; truth->operations++) {
		if (write(client, bytes, sizeof(bytes)) != sizeof(bytes))
			die("write");
		BLOCKED(if (recv(client, bytes, sizeof(bytes), MSG_WAITALL) != sizeof(bytes)) die("recv"));
	}
}

static void request_seldom(int unused)
{
	char bytes[64] = "request";
	int client = connected();

	(void)unused;
	while (write(client, bytes, sizeof(bytes)) > 0 && recv(client, bytes, sizeof(bytes), MSG_WAITALL) > 0)
		pause_for(RESPONSE_SECONDS);
}

pid_t prepare_client(void)
{
	channel[0] = listener();
	return fork_peer(request_seldom, 0);
}

static void serve(void)
{
	char bytes[64];
	int client;

	BLOCKED(client = accept(channel[0], NULL, NULL));
	for (; now() < deadline; truth->operations++) {
		BLOCKED(if (recv(client, bytes, sizeof(bytes), MSG_WAITALL) != sizeof(bytes)) die("recv"));
		if (write(client, bytes, sizeof(bytes)) != sizeof(bytes))
			die("write");
	}
}

const struct kind peer_kinds[] = {
	{ "pipe", prepare_pipe, read_pipe },
	{ "poll", prepare_pipe, poll_pipe },
	{ "request", prepare_server, request },
	{ "serve", prepare_client, serve },
	{ 0 },
};
