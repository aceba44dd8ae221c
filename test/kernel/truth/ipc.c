/*
 * ipc pipe | unix | eventfd PROCS: waits for another local process that writes every 10 ms.
 * ipc client PROCS: sends requests to a named server over a unix socket and waits 10 ms for each response.
 * ipc server PROCS: is a named server whose client sends a request every 10 ms.
 * The other process moves to the cgroup of the file PROCS and dies with its parent.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "truth.h"

/* Leaves the measured cgroup, so that the peer's sleep is not measured. */
static void leave_cgroup(const char *procs)
{
	FILE *file = fopen(procs, "w");

	if (!file || fprintf(file, "%d\n", getpid()) < 0 || fclose(file))
		die("%s", procs);
}

static void fork_peer(void (*run)(int), int fd, const char *procs)
{
	if (check(fork(), "fork"))
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	leave_cgroup(procs);
	run(fd);
}

static void feed(int fd)
{
	uint64_t one = 1;

	for (;;) {
		sleep_seconds(0.01);
		check(write(fd, &one, sizeof(one)), "write");
	}
}

static void respond_late(int fd)
{
	uint64_t value;

	for (;;) {
		check(read(fd, &value, sizeof(value)), "read");
		sleep_seconds(0.01);
		check(write(fd, &value, sizeof(value)), "write");
	}
}

static void respond_at_once(int fd)
{
	uint64_t value;

	for (;;) {
		check(read(fd, &value, sizeof(value)), "read");
		check(write(fd, &value, sizeof(value)), "write");
	}
}

static void send_requests(int fd)
{
	uint64_t value = 1;

	for (;;) {
		check(write(fd, &value, sizeof(value)), "write");
		check(read(fd, &value, sizeof(value)), "read");
	}
}

static void request_slowly(int fd)
{
	uint64_t value = 1;

	for (;;) {
		sleep_seconds(0.01);
		check(write(fd, &value, sizeof(value)), "write");
		check(read(fd, &value, sizeof(value)), "read");
	}
}

/* Opens both ends of a connection to a server with a name in the abstract namespace, which leaves no file behind. */
static void connect_by_name(int *client, int *server)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int length = offsetof(struct sockaddr_un, sun_path) + 1;
	int listener = check(socket(AF_UNIX, SOCK_STREAM, 0), "socket");

	length += snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "kernscale-test-%d", getpid());
	check(bind(listener, (struct sockaddr *)&name, length), "bind");
	check(listen(listener, 1), "listen");
	*client = check(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
	check(connect(*client, (struct sockaddr *)&name, length), "connect");
	*server = check(accept(listener, NULL, NULL), "accept");
	close(listener);
}

static void drain(int fd)
{
	uint64_t value;

	for (;;)
		check(read(fd, &value, sizeof(value)), "read");
}

int main(int argc, char **argv)
{
	void (*run)(int) = drain, (*peer)(int) = feed;
	int ends[2];

	if (argc != 3)
		return 2;
	if (is_mode(argv[1], "pipe")) {
		check(pipe(ends), "pipe");
	} else if (is_mode(argv[1], "unix")) {
		check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
	} else if (is_mode(argv[1], "eventfd")) {
		ends[0] = ends[1] = check(eventfd(0, 0), "eventfd");
	} else if (is_mode(argv[1], "client")) {
		connect_by_name(&ends[0], &ends[1]);
		run = send_requests;
		peer = respond_late;
	} else if (is_mode(argv[1], "server")) {
		connect_by_name(&ends[1], &ends[0]);
		run = respond_at_once;
		peer = request_slowly;
	} else {
		return 2;
	}
	fork_peer(peer, ends[1], argv[2]);
	ready(0);
	run(ends[0]);
}
