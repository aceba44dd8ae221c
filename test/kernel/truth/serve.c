/*
 * serve STYLE WORK MILLISECONDS [FILE]: a server that does WORK for each message before it responds, and a thread that does
 * the opposite kind of work all day.
 *
 * STYLE: threads (one per connection), pool (workers get connections from an acceptor), epoll (one thread), handoff (one
 * thread reads, workers respond). WORK: burn, sleep, lock (waits that long for a mutex), disk (writes FILE and syncs it).
 * The other thread burns beside disk and syncs FILE.noise beside the others.
 *
 * Prints after each line of input: "served REQUESTS SECONDS", from reading a request to sending its response or to now.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "truth.h"

enum { MESSAGE = 64, WORKERS = 4, WAITING = 64 };

static const char *work, *file_name;
static double length;
static pthread_mutex_t report_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t contended = PTHREAD_MUTEX_INITIALIZER;
static unsigned long served, in_progress;
static double seconds, sum_of_starts; /* of requests that are answered; in progress */

/* Connections, or requests, between an acceptor or a reader and the workers. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	int fds[WAITING];
	double times[WAITING];
	unsigned first, last;
} queue = { .lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER };

static void start(void *(*run)(void *), void *argument)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, argument))
		die("pthread_create");
	pthread_detach(thread);
}

static void put(int fd, double time)
{
	pthread_mutex_lock(&queue.lock);
	queue.fds[queue.last % WAITING] = fd;
	queue.times[queue.last++ % WAITING] = time;
	pthread_cond_signal(&queue.filled);
	pthread_mutex_unlock(&queue.lock);
}

static int take(double *time)
{
	int fd;

	pthread_mutex_lock(&queue.lock);
	while (queue.first == queue.last)
		pthread_cond_wait(&queue.filled, &queue.lock);
	*time = queue.times[queue.first % WAITING];
	fd = queue.fds[queue.first++ % WAITING];
	pthread_mutex_unlock(&queue.lock);
	return fd;
}

static void sync_file(const char *suffix)
{
	char path[256], block[4096] = "";
	int fd;

	snprintf(path, sizeof(path), "%s%s", file_name, suffix);
	fd = check(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), path);
	check(pwrite(fd, block, sizeof(block), 0), "pwrite");
	check(fsync(fd), "fsync");
	close(fd);
}

static void do_work(void)
{
	if (is_mode(work, "burn"))
		burn_seconds(length);
	else if (is_mode(work, "sleep"))
		sleep_seconds(length);
	else if (is_mode(work, "disk"))
		sync_file("");
	else {
		pthread_mutex_lock(&contended);
		pthread_mutex_unlock(&contended);
	}
}

/* Holds the lock for the given time again and again, briefly interrupted. */
__attribute__((noreturn)) static void *hold(void *unused)
{
	(void)unused;
	for (;;) {
		pthread_mutex_lock(&contended);
		sleep_seconds(length);
		pthread_mutex_unlock(&contended);
		sleep_seconds(0.001);
	}
}

__attribute__((noreturn)) static void *do_something_else(void *unused)
{
	(void)unused;
	for (;;) {
		if (is_mode(work, "disk"))
			burn_seconds(1);
		else
			sync_file(".noise");
	}
}

static bool receive(int fd, double *time)
{
	char message[MESSAGE];

	if (recv(fd, message, sizeof(message), MSG_WAITALL) != sizeof(message))
		return false;
	*time = now_seconds();
	pthread_mutex_lock(&report_lock);
	in_progress++;
	sum_of_starts += *time;
	pthread_mutex_unlock(&report_lock);
	return true;
}

static void respond(int fd, double received)
{
	char message[MESSAGE] = "";

	do_work();
	pthread_mutex_lock(&report_lock);
	served++;
	in_progress--;
	seconds += now_seconds() - received;
	sum_of_starts -= received;
	pthread_mutex_unlock(&report_lock);
	check(send(fd, message, sizeof(message), MSG_NOSIGNAL), "send");
}

static void serve(int fd)
{
	double received;

	while (receive(fd, &received))
		respond(fd, received);
	close(fd);
}

static void *serve_connection(void *argument)
{
	serve((int)(intptr_t)argument);
	return NULL;
}

__attribute__((noreturn)) static void *serve_connections(void *unused)
{
	double ignored;

	(void)unused;
	for (;;)
		serve(take(&ignored));
}

__attribute__((noreturn)) static void *respond_to_requests(void *unused)
{
	(void)unused;
	for (;;) {
		double received;
		int fd = take(&received);

		respond(fd, received);
	}
}

static int accept_one(int listener)
{
	int one = 1, fd = check(accept(listener, NULL, NULL), "accept");

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

__attribute__((noreturn)) static void poll_forever(int listener, bool hands_over)
{
	int epoll = check(epoll_create1(0), "epoll_create1");
	struct epoll_event event = { .events = EPOLLIN, .data.fd = listener };
	double received;

	check(epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event), "epoll_ctl");
	for (;;) {
		check(epoll_wait(epoll, &event, 1, -1), "epoll_wait");
		if (event.data.fd == listener) {
			event.data.fd = accept_one(listener);
			check(epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event), "epoll_ctl");
		} else if (!receive(event.data.fd, &received)) {
			close(event.data.fd);
		} else if (hands_over) {
			put(event.data.fd, received);
		} else {
			respond(event.data.fd, received);
		}
	}
}

static int listener;

__attribute__((noreturn)) static void *accept_forever(void *style)
{
	bool pool = is_mode(style, "pool"), handoff = is_mode(style, "handoff");

	for (int i = 0; i < WORKERS && (pool || handoff); i++)
		start(pool ? serve_connections : respond_to_requests, NULL);
	if (handoff || is_mode(style, "epoll"))
		poll_forever(listener, handoff);
	for (;;) {
		int fd = accept_one(listener);

		if (pool)
			put(fd, 0);
		else
			start(serve_connection, (void *)(intptr_t)fd);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);

	if (argc != 5)
		return 2;
	work = argv[2];
	length = atof(argv[3]) / 1000;
	file_name = argv[4];
	listener = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
	check(bind(listener, (struct sockaddr *)&address, size), "bind");
	check(getsockname(listener, (struct sockaddr *)&address, &size), "getsockname");
	check(listen(listener, 16), "listen");
	if (is_mode(work, "lock"))
		start(hold, NULL);
	start(do_something_else, NULL);
	start(accept_forever, argv[1]);
	ready(ntohs(address.sin_port));
	for (;;) {
		await_line();
		pthread_mutex_lock(&report_lock);
		printf("served %lu %f\n", served, seconds + in_progress * now_seconds() - sum_of_starts);
		pthread_mutex_unlock(&report_lock);
		fflush(stdout);
	}
}
