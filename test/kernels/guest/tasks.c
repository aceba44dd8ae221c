// SPDX-License-Identifier: Apache-2.0
/*
 * Tasks that measure how long they are blocked:
 *   tasks KIND CGROUP MILLISECONDS
 * runs one in the cgroup from its first instruction to its last, and prints its figures:
 *   {"threadSeconds":…,"unsureSeconds":…,"blockedSeconds":…,"cpuSeconds":…,"operations":…,"bytes":…}
 */
#define _GNU_SOURCE
#include "tasks.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct truth *truth;
double deadline;

double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void pause_for(double seconds)
{
	struct timespec time = { .tv_sec = (time_t)seconds };

	time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
	nanosleep(&time, NULL);
}

void add(double *total, double seconds)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&lock);
	*total += seconds;
	pthread_mutex_unlock(&lock);
}

void die(const char *what)
{
	fprintf(stderr, "tasks: %s: %s\n", what, strerror(errno));
	exit(1);
}

struct life {
	void *(*body)(void *);
	void *argument;
};

static void *live(void *argument)
{
	const struct life *life = argument;
	double born = now();

	life->body(life->argument);
	add(&truth->inside_seconds, now() - born);
	return NULL;
}

void in_threads(int count, void *(*body)(void *), void *argument)
{
	pthread_t threads[8];
	double born[8];
	struct life life = { body, argument };

	for (int i = 1; i < count; i++) {
		born[i] = now();
		if (pthread_create(&threads[i], NULL, live, &life))
			die("pthread_create");
	}
	body(argument);
	for (int i = 1; i < count; i++) {
		pthread_join(threads[i], NULL);
		add(&truth->thread_seconds, now() - born[i]);
	}
}

pid_t fork_peer(void (*body)(int), int argument)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0) {
		body(argument);
		_exit(0);
	}
	return pid;
}

/* Creates the child in the cgroup, so that none of its time is counted elsewhere. */
static pid_t fork_into(const char *cgroup)
{
	int directory = open(cgroup, O_RDONLY | O_DIRECTORY);
	struct clone_args args = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD };
	pid_t pid;

	if (directory < 0)
		die(cgroup);
	args.cgroup = (unsigned long long)directory;
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		die("clone3");
	return pid;
}

static const struct kind *find_kind(const char *name)
{
	const struct kind *lists[] = { thread_kinds, file_kinds, peer_kinds, uring_kinds };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (const struct kind *kind = lists[i]; kind->name; kind++)
			if (!strcmp(kind->name, name))
				return kind;
	return NULL;
}

static double seconds(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	const struct kind *kind = argc == 4 ? find_kind(argv[1]) : NULL;
	struct rusage usage;
	pid_t pid, peer;
	double born, inside;
	int status;

	if (!kind) {
		fprintf(stderr, "usage: tasks KIND CGROUP MILLISECONDS\n");
		return 2;
	}
	truth = mmap(NULL, sizeof(*truth), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (truth == MAP_FAILED)
		die("mmap");
	peer = kind->prepare ? kind->prepare() : 0;
	deadline = now() + atof(argv[3]) / 1e3;

	born = now();
	pid = fork_into(argv[2]);
	if (pid == 0) {
		inside = now();
		kind->run();
		add(&truth->inside_seconds, now() - inside);
		_exit(0);
	}
	if (wait4(pid, &status, 0, &usage) < 0)
		die("wait4");
	truth->thread_seconds += now() - born;
	if (peer) {
		kill(peer, SIGKILL);
		waitpid(peer, NULL, 0);
	}
	if (status)
		return 1; /* it has printed the reason */
	/* A thread surely lives from its first instruction to its last, and surely not before its creation or once reaped. */
	printf("{\"threadSeconds\":%.6f,\"unsureSeconds\":%.6f,\"blockedSeconds\":%.6f,", truth->thread_seconds,
	       truth->thread_seconds - truth->inside_seconds, truth->blocked_seconds);
	printf("\"cpuSeconds\":%.6f,\"operations\":%ld,\"bytes\":%ld}\n",
	       seconds(usage.ru_utime) + seconds(usage.ru_stime), truth->operations, truth->bytes);
	return 0;
}
