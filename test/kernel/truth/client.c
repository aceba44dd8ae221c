/*
 * client recv | poll | epoll | nested PORT THINK: one request at a time, THINK milliseconds after the previous response.
 * nested polls its epoll.
 * client udp PORT THINK: the same with datagrams. client multipath PORT THINK: the same through multipath TCP.
 * client apart PORT THINK: one thread polls and receives, another sends and waits in a pipe to be told.
 * client silent PORT 0: connects and waits without sending a request. client once | multipath-once PORT 0: sends one
 * request, receives the response and waits on.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "truth.h"

enum { MESSAGE = 64 };

static double pause_seconds;

static void wait_in_poll(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	check(poll(&pollfd, 1, -1), "poll");
}

static void wait_in_epoll(int fd, bool polled)
{
	static int epoll = -1;
	struct epoll_event event = { .events = EPOLLIN };

	if (epoll < 0) {
		epoll = check(epoll_create1(0), "epoll_create1");
		check(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
	}
	if (polled)
		wait_in_poll(epoll);
	check(epoll_wait(epoll, &event, 1, -1), "epoll_wait");
}

static void exchange(int fd, const char *mode)
{
	char message[MESSAGE] = "";

	check(send(fd, message, sizeof(message), MSG_NOSIGNAL), "send");
	if (is_mode(mode, "poll"))
		wait_in_poll(fd);
	else if (is_mode(mode, "epoll") || is_mode(mode, "nested"))
		wait_in_epoll(fd, is_mode(mode, "nested"));
	if (recv(fd, message, sizeof(message), 0) <= 0)
		die("recv");
	if (pause_seconds > 0)
		sleep_seconds(pause_seconds);
}

/* Falls back to plain TCP if the kernel lacks multipath TCP. */
static int multipath_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);

	return fd >= 0 ? fd : (int)check(socket(AF_INET, SOCK_STREAM, 0), "socket");
}

static int told[2];

static void *receive_apart(void *argument)
{
	char message[MESSAGE];
	int fd = (int)(intptr_t)argument;

	for (;;) {
		wait_in_epoll(fd, false);
		if (recv(fd, message, sizeof(message), 0) <= 0)
			die("recv");
		check(write(told[1], message, 1), "write");
	}
	return NULL;
}

static void send_apart(int fd)
{
	char message[MESSAGE] = "";
	pthread_t receiver;

	check(pipe(told), "pipe");
	if (pthread_create(&receiver, NULL, receive_apart, (void *)(intptr_t)fd))
		die("pthread_create");
	for (;;) {
		sleep_seconds(pause_seconds);
		check(send(fd, message, sizeof(message), MSG_NOSIGNAL), "send");
		check(read(told[0], message, 1), "read");
	}
}

static void *drain(void *argument)
{
	char message[MESSAGE];

	while (recv((int)(intptr_t)argument, message, sizeof(message), MSG_WAITALL) > 0)
		;
	return NULL;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1, fd;

	if (argc != 4)
		return 2;
	pause_seconds = atof(argv[3]) / 1000;
	address.sin_port = htons(atoi(argv[2]));
	if (!strncmp(argv[1], "multipath", strlen("multipath")))
		fd = multipath_socket();
	else
		fd = check(socket(AF_INET, is_mode(argv[1], "udp") ? SOCK_DGRAM : SOCK_STREAM, 0), "socket");
	check(connect(fd, (struct sockaddr *)&address, sizeof(address)), "connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	ready(0);
	if (strstr(argv[1], "once"))
		exchange(fd, argv[1]);
	if (is_mode(argv[1], "apart"))
		send_apart(fd);
	if (is_mode(argv[1], "silent") || strstr(argv[1], "once"))
		drain((void *)(intptr_t)fd);
	for (;;)
		exchange(fd, argv[1]);
}
