/*
 * server recv | unqueued | epoll | multipath MILLISECONDS: responds to each message of a connection after sleeping that long. One
 * thread serves each connection (unqueued: with a backlog of 0; multipath: also those of multipath TCP), or one all of
 * them (epoll, which computes instead of sleeping if MILLISECONDS is 0).
 * server udp MILLISECONDS: the same with datagrams.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "truth.h"

enum { MESSAGE = 64 };

static double delay;

static bool respond_once(int fd)
{
	char message[MESSAGE];

	if (recv(fd, message, sizeof(message), MSG_WAITALL) != sizeof(message))
		return false;
	sleep_seconds(delay);
	return send(fd, message, sizeof(message), MSG_NOSIGNAL) == sizeof(message);
}

static void *serve(void *argument)
{
	int fd = (int)(intptr_t)argument;

	while (respond_once(fd))
		;
	close(fd);
	return NULL;
}

static void accept_forever(int listener)
{
	int one = 1;
	pthread_t thread;

	for (;;) {
		int fd = check(accept(listener, NULL, NULL), "accept");

		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd))
			die("pthread_create");
		pthread_detach(thread);
	}
}

static void poll_forever(int listener)
{
	int epoll = check(epoll_create1(0), "epoll_create1");
	struct epoll_event event = { .events = EPOLLIN, .data.fd = listener };

	check(epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event), "epoll_ctl");
	for (;;) {
		check(epoll_wait(epoll, &event, 1, -1), "epoll_wait");
		if (event.data.fd != listener) {
			if (!respond_once(event.data.fd))
				close(event.data.fd);
			continue;
		}
		event.events = EPOLLIN;
		event.data.fd = check(accept(listener, NULL, NULL), "accept");
		check(epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event), "epoll_ctl");
	}
}

static void serve_datagrams(int fd)
{
	char message[MESSAGE];
	struct sockaddr_in peer;

	for (;;) {
		socklen_t length = sizeof(peer);

		check(recvfrom(fd, message, sizeof(message), 0, (struct sockaddr *)&peer, &length), "recvfrom");
		sleep_seconds(delay);
		check(sendto(fd, message, sizeof(message), 0, (struct sockaddr *)&peer, length), "sendto");
	}
}

/* Only a port below the ephemeral range identifies a datagram server. */
static void bind_somewhere(int fd, struct sockaddr_in *address, bool below_ephemeral)
{
	for (int port = below_ephemeral ? 20000 : 0; port < 30000; port++) {
		address->sin_port = htons(port);
		if (!bind(fd, (struct sockaddr *)address, sizeof(*address)))
			return;
	}
	die("bind");
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	bool udp, multipath;
	int fd = -1;

	if (argc != 3)
		return 2;
	udp = is_mode(argv[1], "udp");
	multipath = is_mode(argv[1], "multipath");
	delay = atof(argv[2]) / 1000;
	/* Falls back to plain TCP if the kernel lacks multipath TCP. */
	if (multipath)
		fd = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
	if (fd < 0)
		fd = check(socket(AF_INET, udp ? SOCK_DGRAM : SOCK_STREAM, 0), "socket");
	bind_somewhere(fd, &address, udp);
	check(getsockname(fd, (struct sockaddr *)&address, &length), "getsockname");
	if (!udp)
		check(listen(fd, is_mode(argv[1], "unqueued") ? 0 : 16), "listen");
	ready(ntohs(address.sin_port));
	if (udp)
		serve_datagrams(fd);
	else if (is_mode(argv[1], "epoll"))
		poll_forever(fd);
	else
		accept_forever(fd);
	return 2;
}
