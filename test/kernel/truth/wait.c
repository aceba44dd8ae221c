/*
 * wait nanosleep | poll | select | timerfd: sleeps by its own will, 5 ms at a time.
 * wait forever: one sleep that outlasts every test.
 * wait child | signal | futex2: waits for what may never come.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "truth.h"

static void sleep_in_timerfd(void)
{
	struct itimerspec every = { .it_interval.tv_nsec = 5000000, .it_value.tv_nsec = 5000000 };
	int fd = check(timerfd_create(CLOCK_MONOTONIC, 0), "timerfd_create");
	uint64_t expirations;

	check(timerfd_settime(fd, 0, &every, NULL), "timerfd_settime");
	for (;;)
		check(read(fd, &expirations, sizeof(expirations)), "read");
}

/* The futex calls of Linux 6.7, which no C library has yet. */
static void wait_in_futex2(void)
{
	const unsigned int size_u32 = 2, private = 128;
	static unsigned int word;

	check(syscall(455 /* futex_wait */, &word, 0, ~0U, size_u32 | private, NULL, CLOCK_MONOTONIC), "futex_wait");
}

static void wait_for_child(void)
{
	pid_t child = check(fork(), "fork");

	if (!child)
		for (;;)
			pause();
	check(waitpid(child, NULL, 0), "waitpid");
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	ready(0);
	if (is_mode(argv[1], "forever"))
		sleep_seconds(3600);
	if (is_mode(argv[1], "futex2"))
		wait_in_futex2();
	if (is_mode(argv[1], "child"))
		wait_for_child();
	if (is_mode(argv[1], "timerfd"))
		sleep_in_timerfd();
	for (;;) {
		if (is_mode(argv[1], "nanosleep"))
			sleep_seconds(0.005);
		else if (is_mode(argv[1], "poll"))
			poll(NULL, 0, 5);
		else if (is_mode(argv[1], "select"))
			select(0, NULL, NULL, NULL, &(struct timeval){ .tv_usec = 5000 });
		else if (is_mode(argv[1], "signal"))
			pause();
		else
			return 2;
	}
}
