/*
 * ipc pipe | unix | eventfd: waits for another local process that answers every 10 ms. That process is the
 * harness' business no more: it dies with its parent.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "truth.h"

/* Out of the measured cgroup: its sleep is not what is measured. */
static void leave_cgroup(const char *procs)
{
	FILE *file = fopen(procs, "w");

	if (!file || fprintf(file, "%d\n", getpid()) < 0 || fclose(file))
		die("%s", procs);
}

static void feed(int fd, const char *procs)
{
	uint64_t one = 1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	leave_cgroup(procs);
	for (;;) {
		sleep_seconds(0.01);
		check(write(fd, &one, sizeof(one)), "write");
	}
}

int main(int argc, char **argv)
{
	int ends[2];
	uint64_t value;

	if (argc != 3)
		return 2;
	if (is_mode(argv[1], "pipe"))
		check(pipe(ends), "pipe");
	else if (is_mode(argv[1], "unix"))
		check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
	else if (is_mode(argv[1], "eventfd"))
		ends[0] = ends[1] = check(eventfd(0, 0), "eventfd");
	else
		return 2;
	if (!check(fork(), "fork"))
		feed(ends[1], argv[2]);
	ready(0);
	for (;;)
		check(read(ends[0], &value, sizeof(value)), "read");
}
