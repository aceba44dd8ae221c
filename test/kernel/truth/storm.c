/*
 * storm server BACKLOG WORKERS: serves each connection in one of WORKERS threads, none: nobody accepts. Responses take up
 * to 20 ms, and one in ten requests gets none: the server hangs up. Prints what it did for each line that it reads.
 * storm late BACKLOG WORKERS: the same, once it has read a first line.
 * storm client PORT THREADS SECONDS: each thread sends requests on connections that end in different ways: by its own
 * patience of 5 to 15 ms, with and without a reset, after a half-close, after several requests. Prints what it did.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/socket.h>

#include "truth.h"

enum { MESSAGE = 64 };

static struct {
	long sent, answered, abandoned, dropped;
} done;

static struct sockaddr_in address = { .sin_family = AF_INET };
static double until;

static void count(long *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static void report(void)
{
	printf("{\"sent\":%ld,\"answered\":%ld,\"abandoned\":%ld,\"dropped\":%ld}\n", done.sent, done.answered,
	       done.abandoned, done.dropped);
	fflush(stdout);
}

static void serve_one(int fd, unsigned int *random)
{
	char message[MESSAGE];

	while (recv(fd, message, sizeof(message), MSG_WAITALL) == sizeof(message)) {
		sleep_seconds(rand_r(random) % 20 * 1e-3);
		if (rand_r(random) % 10 == 0)
			break;
		if (send(fd, message, sizeof(message), MSG_NOSIGNAL) != sizeof(message))
			break;
		count(&done.answered);
	}
	close(fd);
}

static void *serve(void *argument)
{
	unsigned int random = (uintptr_t)&argument;

	for (;;)
		serve_one(check(accept((int)(intptr_t)argument, NULL, NULL), "accept"), &random);
	return NULL;
}

static void start(void *(*work)(void *), long argument)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, work, (void *)argument))
		die("pthread_create");
	pthread_detach(thread);
}

static void start_workers(int fd, long workers)
{
	while (workers--)
		start(serve, fd);
}

static void run_server(int backlog, long workers, bool late)
{
	int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
	socklen_t length = sizeof(address);

	check(bind(fd, (struct sockaddr *)&address, sizeof(address)), "bind");
	check(listen(fd, backlog), "listen");
	check(getsockname(fd, (struct sockaddr *)&address, &length), "getsockname");
	if (!late)
		start_workers(fd, workers);
	ready(ntohs(address.sin_port));
	if (late) {
		await_line();
		start_workers(fd, workers);
	}
	for (;;) {
		await_line();
		report();
	}
}

/* Connects with the patience of a client in a hurry. Returns -1 if the server does not take the connection. */
static int connect_soon(void)
{
	int fd = check(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket");
	struct pollfd pollfd = { .fd = fd, .events = POLLOUT };
	int one = 1;

	check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), "TCP_NODELAY");
	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)) || poll(&pollfd, 1, 50) == 1)
		return fd;
	close(fd);
	return -1;
}

/* Returns whether the response has come, so that the connection may go on. */
static bool exchange(int fd, int patience)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	char message[MESSAGE] = "";

	if (send(fd, message, sizeof(message), MSG_NOSIGNAL) != sizeof(message))
		return false;
	count(&done.sent);
	if (poll(&pollfd, 1, patience) == 0) {
		count(&done.abandoned);
		return false;
	}
	if (recv(fd, message, sizeof(message), 0) <= 0) {
		count(&done.dropped);
		return false;
	}
	count(&done.answered);
	return true;
}

static void connect_once(unsigned int *random)
{
	struct linger at_once = { .l_onoff = 1 };
	int fd = connect_soon();
	int requests = 1 + rand_r(random) % 4;

	if (fd < 0)
		return;
	if (rand_r(random) % 4 == 0)
		check(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), "SO_LINGER");
	while (requests-- && exchange(fd, 5 + rand_r(random) % 10))
		;
	close(fd);
}

static void *storm(void *argument)
{
	unsigned int random = (uintptr_t)argument;

	while (now_seconds() < until)
		connect_once(&random);
	return NULL;
}

static void run_client(int port, long threads, double seconds)
{
	pthread_t ids[64];

	address.sin_port = htons(port);
	ready(0);
	await_line();
	until = now_seconds() + seconds;
	for (long i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, storm, (void *)(i + 1)))
			die("pthread_create");
	for (long i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	report();
	pause();
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (!is_mode(argv[1], "client"))
		run_server(atoi(argv[2]), atol(argv[3]), is_mode(argv[1], "late"));
	else
		run_client(atoi(argv[2]), atol(argv[3]), atof(argv[4]));
	return 1;
}
