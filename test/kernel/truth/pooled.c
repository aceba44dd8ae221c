/*
 * pooled THREADS CONNECTIONS PORT: each of THREADS threads keeps one outstanding request on each of its CONNECTIONS, and
 * waits for all responses in one epoll set.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "truth.h"

enum { MESSAGE = 64 };

static struct sockaddr_in address = { .sin_family = AF_INET };
static int connections;

static void send_request(int fd)
{
	char message[MESSAGE] = "";

	check(send(fd, message, sizeof(message), MSG_NOSIGNAL), "send");
}

__attribute__((noreturn)) static void *run(void *unused)
{
	int epoll = check(epoll_create1(0), "epoll_create1");
	struct epoll_event event = { .events = EPOLLIN };
	char message[MESSAGE];

	(void)unused;
	for (int i = 0; i < connections; i++) {
		event.data.fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
		check(connect(event.data.fd, (struct sockaddr *)&address, sizeof(address)), "connect");
		check(epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event), "epoll_ctl");
		send_request(event.data.fd);
	}
	for (;;) {
		check(epoll_wait(epoll, &event, 1, -1), "epoll_wait");
		if (recv(event.data.fd, message, sizeof(message), MSG_WAITALL) != sizeof(message))
			die("recv");
		send_request(event.data.fd);
	}
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc != 4)
		return 2;
	connections = atoi(argv[2]);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons(atoi(argv[3]));
	for (int i = 1; i < atoi(argv[1]); i++)
		if (pthread_create(&thread, NULL, run, NULL))
			die("pthread_create");
	ready(0);
	run(NULL);
}
