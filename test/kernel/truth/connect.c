/*
 * connect blocking | poll | epoll PORT: tries again and again to connect to a server that does not accept, and gives up
 * after 100 ms.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "truth.h"

enum { TIMEOUT_MS = 100, ROOM = 4 };

static struct sockaddr_in address = { .sin_family = AF_INET };

static int begin(int flags)
{
	const struct timeval timeout = { .tv_usec = TIMEOUT_MS * 1000 };
	int fd = check(socket(AF_INET, SOCK_STREAM | flags, 0), "socket");

	check(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)), "SO_SNDTIMEO");
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) && errno != EINPROGRESS)
		die("connect");
	return fd;
}

static void wait_in_poll(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLOUT };

	check(poll(&pollfd, 1, TIMEOUT_MS), "poll");
}

static void wait_in_epoll(int fd)
{
	struct epoll_event event = { .events = EPOLLOUT };
	int epoll = check(epoll_create1(0), "epoll_create1");

	check(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
	check(epoll_wait(epoll, &event, 1, TIMEOUT_MS), "epoll_wait");
	close(epoll);
}

int main(int argc, char **argv)
{
	bool blocking = argc == 3 && is_mode(argv[1], "blocking");

	if (argc != 3)
		return 2;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons(atoi(argv[2]));
	for (int i = 0; i < ROOM; i++)
		wait_in_poll(begin(SOCK_NONBLOCK)); /* the first may fit into the accept queue */
	ready(0);
	for (;;) {
		int fd = begin(blocking ? 0 : SOCK_NONBLOCK);

		if (is_mode(argv[1], "poll"))
			wait_in_poll(fd);
		if (is_mode(argv[1], "epoll"))
			wait_in_epoll(fd);
		close(fd);
	}
}
