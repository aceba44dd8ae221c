/*
 * wait nanosleep | poll | select | timerfd: sleeps 5 ms at a time.
 * wait forever: one sleep that outlasts every test.
 * wait child | signal | futex2: waits for an event that never comes.
 * wait fault: waits for a page that another process would have to supply (userfaultfd).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
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

/* The futex calls of Linux 6.7, which no C library has yet. On a kernel without them it waits for a signal, idle too. */
static void wait_in_futex2(void)
{
	const unsigned int size_u32 = 2, private = 128;
	static unsigned int word;

	if (syscall(455 /* futex_wait */, &word, 0, ~0U, size_u32 | private, NULL, CLOCK_MONOTONIC) && errno == ENOSYS)
		pause();
}

static void wait_in_fault(void)
{
	const size_t size = (size_t)sysconf(_SC_PAGESIZE);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .range.len = size, .mode = UFFDIO_REGISTER_MODE_MISSING };
	int fd = check(syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY), "userfaultfd");
	volatile char *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		die("mmap");
	range.range.start = (uintptr_t)page;
	check(ioctl(fd, UFFDIO_API, &api), "UFFDIO_API");
	check(ioctl(fd, UFFDIO_REGISTER, &range), "UFFDIO_REGISTER");
	page[0] = 1;
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
	if (is_mode(argv[1], "fault"))
		wait_in_fault();
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
